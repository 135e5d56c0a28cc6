// One source: what it is called, how it is, and its streams.
import { attribute, el, list, shown, text } from './dom.js';
import { health } from './format.js';
import { icon, level } from './icons.js';
import { stepper } from './stepper.js';
import { errorList, stream } from './stream.js';

// source makes the view of a source. openEvents shows its health events.
export function source(first, openEvents) {
  const button = el('button', { class: 'health', type: 'button', 'aria-haspopup': 'dialog', onclick: () => openEvents(first.id) });
  const counts = el('span', { class: 'counts' });
  const name = el('h2');
  const category = el('span', { class: 'tag', title: 'Category' });
  const description = el('p', { class: 'description' });
  const identity = el('p', { class: 'quiet identity' });
  const same = el('p', { class: 'note', hidden: '' });
  const errors = errorList('What is wrong with the source as a whole');
  const steps = stepper();
  const streams = el('div', { class: 'streams' });
  const root = el('article', { class: 'source' },
    el('header', {},
      button,
      el('div', { class: 'names' }, el('div', { class: 'name-line' }, name, category), description, identity),
      steps.root),
    same, errors.root, streams);
  let shownLevel = '';

  return {
    root,
    update(now) {
      const worst = level(now);
      if (worst !== shownLevel) {
        shownLevel = worst;
        button.replaceChildren(icon(worst), counts);
        attribute(root, 'class', `source ${worst}`);
      }
      const words = health(now);
      text(counts, words);
      attribute(button, 'title', words);
      attribute(button, 'aria-label', `${words}: show the health events of ${now.name}`);
      attribute(root, 'aria-label', `Source ${now.name}`);
      text(name, now.name);
      text(category, now.category);
      shown(category, Boolean(now.category));
      text(description, now.description);
      shown(description, Boolean(now.description));
      text(identity, [now.id, now.clusterId && `cluster ${now.clusterId}`].filter(Boolean).join(' · '));
      steps.update(now.state, now.reached);
      shown(same, Boolean(now.sameName));
      text(same, now.sameName ? `Called the same as ${now.sameName.join(' and ')}: their records can't be told apart by _source. Give each a name of its own.` : '');
      errors.update(now.errors);
      list(streams, now.streams, (s) => s.eventType, stream);
    },
  };
}
