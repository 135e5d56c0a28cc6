// The page: what the collector says is handed to the parts that show it.
import { announcer } from './announcer.js';
import { components } from './components.js';
import { connect } from './connection.js';
import { attribute, el, list, shown, text } from './dom.js';
import { eventsPanel } from './events.js';
import { duration, health, heardTime } from './format.js';
import { level } from './icons.js';
import { source } from './source.js';

const node = (id) => document.getElementById(id);
const panel = eventsPanel(node('events'));
const showComponents = components(node('components'));
const announce = announcer(node('announcer'));
let lostAt = null;

node('show-events').addEventListener('click', () => panel.show());

function showSources(view) {
  heardTime(view.time);
  text(node('collector'), `${view.collector.command} ${view.collector.version}`);
  list(node('sources'), view.sources.length > 0 ? view.sources : [null], (s) => s?.id ?? '', (s) => (s ? source(s, panel.show) : empty()));
  showComponents(view.components);
  announce(view.sources);
  const worst = view.sources.map(level).sort((a, b) => severity(b) - severity(a))[0] ?? 'unknown';
  attribute(node('favicon'), 'href', `icon-${worst}.svg`);
  document.title = view.openErrors || view.openWarnings ? `${health(view)} – Source health` : 'Source health';
  panel.tick();
}

function severity(of) {
  return ['ok', 'unknown', 'warning', 'error'].indexOf(of);
}

function empty() {
  return { root: el('p', { class: 'note' }, 'No proofpointpod receiver runs in this collector.'), update() {} };
}

function showState(state) {
  const live = state === 'live';
  lostAt = live ? null : lostAt ?? performance.now();
  attribute(node('connection'), 'data-state', state);
  text(node('connection'), live ? 'Live' : 'Not connected');
  shown(node('lost').parentElement, !live);
  text(node('lost'), live ? '' : 'Connection to the collector lost. What you see may be out of date; trying again…');
  attribute(document.body, 'class', live ? null : 'stale');
  tellLost();
}

// tellLost says for how long already, beside what a screen reader is told once.
function tellLost() {
  if (lostAt !== null) {
    const seconds = Math.floor((performance.now() - lostAt) / 10000) * 10;
    text(node('lost-since'), seconds === 0 ? '' : `Lost ${duration(seconds)} ago.`);
  }
}

setInterval(tellLost, 1000);
connect({ sources: showSources, events: panel.take, state: showState });
