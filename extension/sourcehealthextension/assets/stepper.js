// The way of a source: from Pending to Collecting, and the two states beside it.
import { attribute, el } from './dom.js';

const way = ['Pending', 'Started', 'Initialized', 'Authenticated', 'Collecting'];

export function stepper() {
  const steps = [...way, 'Error', 'Stopping'].map((name) => {
    const node = el('li', {}, el('span', { class: 'dot', 'aria-hidden': 'true' }), el('span', { class: 'name' }, name));
    return { name, node };
  });
  const root = el('ol', { class: 'stepper', 'aria-label': 'State' }, ...steps.map(({ node }) => node));
  const error = steps.find(({ name }) => name === 'Error').node;

  return {
    root,
    // update gets the state, and with Error how far the source had come when it failed: the step from there on is Error.
    update(state, reached) {
      const at = way.indexOf(reached ?? state);
      const next = reached && at + 1 < way.length ? steps[at + 1].node : null; // null: Error comes last
      if (error.nextSibling !== next) {
        root.insertBefore(error, next);
      }
      steps.forEach(({ name, node }, i) => {
        const current = name === state;
        attribute(node, 'aria-current', current ? 'step' : null);
        attribute(node, 'class', current ? `current ${name.toLowerCase()}` : i < at || name === reached ? 'done' : null);
        node.hidden = !way.includes(name) && !current;
      });
    },
  };
}
