// Elements are made here, and texts are always set as text: what a source or the service says is never taken for HTML.

// el makes an element. What begins with "on" is a listener, "class", "data-…", "aria-…" and the like are attributes.
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// svg makes an element of a picture.
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else {
      attribute(node, name, value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// attribute sets an attribute if it has changed; null, undefined and false remove it.
export function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (node.getAttribute(name) !== text) {
    node.setAttribute(name, text);
  }
}

// text sets a text if it has changed, so that a screen reader or a selection is not disturbed by what stays the same.
export function text(node, value) {
  const now = value ?? '';
  if (node.textContent !== now) {
    node.textContent = now;
  }
}

// shown shows or hides an element.
export function shown(node, yes) {
  if (node.hidden === yes) {
    node.hidden = !yes;
  }
}

// list makes the children of a node be those of the items, by key: it makes what is new, removes what is gone, keeps the
// order, and leaves alone what stays. Children that it has not made stay where they are, before the others. Items of one
// key are all shown.
export function list(node, items, key, make) {
  const focused = document.activeElement;
  const made = [...node.children].filter((child) => child.view);
  const before = new Map(made.map((child) => [child.dataset.key, child]));
  const gone = new Set(made);
  let place = made[0] ?? null;
  for (const item of items) {
    const name = String(key(item));
    let child = before.get(name);
    before.delete(name);
    gone.delete(child);
    if (!child) {
      const view = make(item);
      child = view.root;
      child.dataset.key = name;
      child.view = view;
    }
    if (child === place) {
      place = place.nextElementSibling;
    } else {
      node.insertBefore(child, place);
    }
    child.view.update(item);
  }
  gone.forEach((child) => child.remove());
  if (node.contains(focused) && document.activeElement !== focused) {
    focused.focus(); // it was moved
  }
}
