// Follows the newest text only while the reader is at the bottom; a button leads back there.

const NEAR = 48;

// `inner` scrolls, but in a low window, where `room` does. `started`: whether there is a newest text yet;
// an empty conversation is read from its top.
export function followBottom(room, inner, text, jump, started) {
  let following = started;
  let last = 0;

  const box = () => (getComputedStyle(room).overflowY === "auto" ? room : inner);
  const atBottom = () => box().scrollHeight - box().scrollTop - box().clientHeight < NEAR;
  const toBottom = () => {
    box().scrollTop = box().scrollHeight;
    last = box().scrollTop;
  };
  // Gone up since: on a busy machine text can grow before the event that tells.
  const left = () => box().scrollTop < last - NEAR && !atBottom();
  // Only going up is the reader's wish: text that grew before this event leaves a gap, too.
  const scrolled = () => {
    const up = box().scrollTop < last;
    last = box().scrollTop;
    if (atBottom()) following = started;
    else if (up) following = false;
    jump.hidden = !started || following;
  };
  room.addEventListener("scroll", scrolled);
  inner.addEventListener("scroll", scrolled);
  jump.addEventListener("click", () => {
    following = true;
    toBottom();
  });
  const sizes = new ResizeObserver(() => following && toBottom());
  sizes.observe(inner);
  sizes.observe(text); // what was not laid out yet had only an estimated height
  if (started) toBottom();
  return {
    grew: () => {
      following &&= !left();
      if (following) toBottom();
      else jump.hidden = false;
    },
    toBottom: () => {
      started = true;
      following = true;
      toBottom();
    },
  };
}
