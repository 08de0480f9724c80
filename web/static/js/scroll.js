// Follows the newest text only while the reader is at the bottom; a button leads back there.

const NEAR = 48;

// `started`: whether there is a newest text yet; an empty conversation is read from its top.
export function followBottom(box, text, jump, started) {
  let following = started;
  let last = 0;

  const atBottom = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  const toBottom = () => {
    box.scrollTop = box.scrollHeight;
  };
  // Only going up is the reader's wish: text that grew before this event leaves a gap, too.
  box.addEventListener("scroll", () => {
    const up = box.scrollTop < last;
    last = box.scrollTop;
    if (atBottom()) following = started;
    else if (up) following = false;
    jump.hidden = !started || following;
  });
  jump.addEventListener("click", () => {
    following = true;
    toBottom();
  });
  const sizes = new ResizeObserver(() => following && toBottom());
  sizes.observe(box);
  sizes.observe(text); // what was not laid out yet had only an estimated height
  if (started) toBottom();
  return {
    grew: () => {
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
