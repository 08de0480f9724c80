// Builds the page's nodes from the server's tree: createElement and text only, never an HTML parser.
// The lists repeat appliance/http/nodes.py; a test compares them.

const HTML = new Set(
  "p h3 h4 h5 h6 ul ol li blockquote pre code em strong s hr br a span div table thead tbody tr th td".split(" "),
);
const MATH = new Set(
  ("math mrow mi mn mo ms mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover " +
    "mmultiscripts mprescripts none mtable mtr mtd mstyle mpadded mphantom menclose").split(" "),
);
const ATTRIBUTES = new Set(
  ("href rel target class start tabindex role aria-label " +
    "display mathvariant stretchy fence separator accent accentunder columnalign rowspacing columnspacing " +
    "linethickness width height depth lspace rspace minsize maxsize notation form movablelimits " +
    "displaystyle scriptlevel symmetric largeop columnlines rowlines").split(" "),
);
const MATHML = "http://www.w3.org/1998/Math/MathML";

export function build(node) {
  if (typeof node === "string") return document.createTextNode(node);
  const [tag, attributes, children] = node;
  const element = make(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (!ATTRIBUTES.has(name)) throw new Error(`attribute ${name}`);
    if (name === "href" && !value.startsWith("/link?to=")) throw new Error("link");
    element.setAttribute(name, value);
  }
  element.append(...children.map(build));
  return element;
}

function make(tag) {
  if (HTML.has(tag)) return document.createElement(tag);
  if (MATH.has(tag)) return document.createElementNS(MATHML, tag);
  throw new Error(`tag ${tag}`);
}
