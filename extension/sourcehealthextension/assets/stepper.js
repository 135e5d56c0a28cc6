// The way of a source: from Pending to Collecting, and the two states beside it.
import { attribute, el } from './dom.js';

const way = ['Pending', 'Started', 'Initialized', 'Authenticated', 'Collecting'];

export function stepper() {
  const steps = [...way, 'Error', 'Stopping'].map((name) => {
    const node = el('li', {}, el('span', { class: 'dot', 'aria-hidden': 'true' }), el('span', { class: 'name' }, name));
    return { name, node };
  });
  const root = el('ol', { class: 'stepper', 'aria-label': 'State' }, ...steps.map(({ node }) => node));

  return {
    root,
    update(state) {
      const reached = way.indexOf(state);
      steps.forEach(({ name, node }, i) => {
        const current = name === state;
        attribute(node, 'aria-current', current ? 'step' : null);
        attribute(node, 'class', current ? `current ${name.toLowerCase()}` : i < reached ? 'done' : null);
        node.hidden = !way.includes(name) && !current;
      });
    },
  };
}
