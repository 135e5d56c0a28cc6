// The table of the collector's components.
import { attribute, el, list, shown, text } from './dom.js';
import { ago, exact } from './format.js';

// components shows them in a section of the page.
export function components(section) {
  const body = section.querySelector('tbody');
  return (all) => {
    shown(section, all.length > 0);
    list(body, all, (c) => `${c.kind} ${c.id} ${c.pipelines ?? ''}`, row);
  };
}

const levels = {
  StatusOK: 'ok', StatusRecoverableError: 'warning', StatusPermanentError: 'error', StatusFatalError: 'error',
};

function row(first) {
  const status = el('span', { class: 'pill' });
  const since = el('td');
  const error = el('td', { class: 'long' });
  const root = el('tr', {},
    el('th', { scope: 'row' }, el('code', {}, first.id), el('span', { class: 'quiet' }, ` ${first.kind}`)),
    el('td', {}, (first.pipelines ?? []).join(', ')),
    el('td', {}, status), since, error);
  return {
    root,
    update(now) {
      text(status, now.status.replace('Status', '').replace(/(?<=[a-z])(?=[A-Z])/, ' ').toLowerCase().replace('ok', 'OK'));
      attribute(status, 'class', `pill ${levels[now.status] ?? 'unknown'}`);
      text(since, ago(now.since));
      attribute(since, 'title', exact(now.since));
      text(error, now.error);
    },
  };
}
