// Follows the newest text only while the reader is at the bottom; a button leads back there.

const NEAR = 48;

export function followBottom(box, jump) {
  let following = true;

  const atBottom = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  const toBottom = () => {
    box.scrollTop = box.scrollHeight;
  };
  box.addEventListener("scroll", () => {
    following = atBottom();
    jump.hidden = following;
  });
  jump.addEventListener("click", () => {
    following = true;
    toBottom();
  });
  new ResizeObserver(() => following && toBottom()).observe(box);
  toBottom();
  return {
    grew: () => {
      if (following) toBottom();
      else jump.hidden = false;
    },
    toBottom: () => {
      following = true;
      toBottom();
    },
  };
}
