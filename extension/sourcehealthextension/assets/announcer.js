// What has changed, said once to screen readers: the state of a stream, or of a source without streams.
import { text } from './dom.js';

export function announcer(node) {
  let before = null;
  return (all) => {
    const states = new Map();
    for (const source of all) {
      states.set(source.id, { name: source.name, state: source.state });
      for (const { eventType, state } of source.streams) {
        states.set(`${source.id} ${eventType}`, { name: `${source.name}, ${eventType}`, state });
      }
    }
    if (before !== null) {
      const changes = [...states].filter(([key, { state }]) => before.get(key)?.state !== state);
      if (changes.length > 0) {
        text(node, changes.map(([, { name, state }]) => `${name}: ${state}`).join('. '));
      }
    }
    before = states;
  };
}
