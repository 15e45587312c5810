// Views that were saved under a name: to open, to save what is shown, and to delete.
import { useEffect, useState } from 'preact/hooks';
import type { Views } from '../api';
import { deleteView, saveView, savedViews } from '../ask';
import { address, parse, type State } from '../state';
import { Icon } from './icon';
import { Menu } from './menu';

/** What is shown as the query of an address. A link's token and a frame are not part of a view. */
function queryOf(state: State): string {
  const text = address({ ...state, embed: false, panel: null, link: null });
  return text.startsWith('?') ? text.slice(1) : '';
}

/** A view's address, in the same frame and by the same link. */
const addressOf = (query: string, { embed, panel, link }: State) =>
  address({ ...parse(`?${query}`), embed, panel, link });

function List({ views, state, remove }: { views: Views; state: State; remove: (name: string) => void }) {
  if (views.views.length === 0) return <p class="muted">No view has been saved yet.</p>;
  const shown = queryOf(state);
  return (
    <ul>
      {views.views.map(({ name, query }) => (
        <li key={name} data-testid="view" data-name={name}>
          <a
            href={addressOf(query, state)}
            aria-current={query === shown ? 'true' : undefined}
            data-testid="view-open"
          >
            <bdi>{name}</bdi>
          </a>
          {views.may_save && (
            <button
              type="button"
              class="small plain"
              aria-label={`Delete ${name}`}
              title="Delete"
              data-testid="view-delete"
              onClick={() => remove(name)}
            >
              <Icon name="close" size={14} />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

function Sheet({ state }: { state: State }) {
  const [views, setViews] = useState<Views | null>(null);
  const [name, setName] = useState('');
  const [said, say] = useState('');
  const failed = (error: Error) => say(error.message);
  const load = () => savedViews(state).then(setViews, failed);
  useEffect(() => void load(), []);

  const change = (done: Promise<void>, words: string) =>
    void done.then(() => {
      say(words);
      return load();
    }, failed);
  const save = (event: Event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted === '') say('A name is needed.');
    else change(saveView(state, wanted, queryOf(state)), `Saved as ${wanted}.`);
  };

  return (
    <div class="views" data-testid="views-sheet">
      {views && <List views={views} state={state} remove={(each) => change(deleteView(state, each), `${each} is deleted.`)} />}
      {views?.may_save && (
        <form onSubmit={save} noValidate>
          <label>
            <span class="visually-hidden">Name of the view</span>
            <input
              type="text"
              placeholder="Name"
              value={name}
              data-testid="view-name"
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="button primary" data-testid="view-save">
            Save view
          </button>
        </form>
      )}
      <p class="muted" role="status" data-testid="views-said">
        {said}
      </p>
    </div>
  );
}

export function SavedViews({ state }: { state: State }) {
  return (
    <Menu label="Views" icon="star" testid="views" class="option">
      {() => <Sheet state={state} />}
    </Menu>
  );
}
