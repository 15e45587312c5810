// Picks one of many by typing: a combobox with a list below, after the ARIA pattern: the focus stays in the input,
// aria-activedescendant follows the arrow keys.
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icon';

export interface Option<T> {
  /** Tells options apart. */
  key: string;
  value: T;
  label: string;
  /** Shown beside the label, such as the code of a country. */
  hint?: string | undefined;
}

export interface Found<T> {
  options: Option<T>[];
  /** The text below the list: there are more, there are none. */
  note: string;
}

interface Props<T> {
  label: string;
  /** The beginning of the names under which tests find it. */
  testid: string;
  icon: IconName;
  placeholder: string;
  /** What is shown while nothing is typed. */
  text: string;
  /** The key of the choice; null: nothing is chosen. */
  chosen: string | null;
  find: (search: string) => Promise<Found<T>>;
  /** What a text stands for that is in no list; undefined: nothing. */
  free?: (text: string) => T | undefined;
  choose: (value: T) => void;
  /** The focus is taken when it appears, and `leave` is called when it is left without a choice. */
  leave?: () => void;
}

/** The index of the active option when none is active. */
const none = -1;

type State<T> = Found<T> & { search: string };

/** The options for what is typed, asked for while the list is open; answers to older questions are dropped. */
function useFound<T>(search: string, open: boolean, find: Props<T>['find']): State<T> {
  const [found, set] = useState<State<T>>({ search: '', options: [], note: '' });
  const latest = useRef(find);
  latest.current = find;
  useEffect(() => {
    if (!open) return;
    let current = true;
    const ask = () =>
      latest.current(search).then(
        (answer) => current && set({ search, ...answer }),
        (error: Error) => current && set({ search, options: [], note: error.message }),
      );
    const timer = setTimeout(() => void ask(), search === '' ? 0 : 120);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [search, open]);
  return found;
}

/** Is what was typed exactly this? */
function isExact<T>(option: Option<T>, search: string): boolean {
  const text = search.toLowerCase();
  return option.label.toLowerCase() === text || option.hint?.toLowerCase() === text;
}

export function Combobox<T>(props: Props<T>) {
  const { label, testid, icon, placeholder, text, chosen, find, free, choose, leave } = props;
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [open, setOpen] = useState(false);
  /** What is typed; null: nothing since the list opened, and the choice is shown. */
  const [typed, setTyped] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  /** Enter was pressed before the list for what is typed was there. */
  const [waiting, wait] = useState(false);
  const search = (typed ?? '').trim();
  const found = useFound(search, open, find);
  const { options } = found;
  const current = found.search === search;

  // Typing makes the best match active, so that Enter takes it; without, the choice is active.
  useEffect(() => {
    if (!open) return;
    const best = options.findIndex((option) => (search === '' ? option.key === chosen : isExact(option, search)));
    setActive(best >= 0 ? best : options.length > 0 ? 0 : none);
    if (waiting && current) take(best >= 0 ? best : 0);
  }, [open, found]);

  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active, open]);

  useEffect(() => {
    if (leave) input.current?.focus();
  }, []);

  const show = () => {
    if (open) return;
    setTyped(null);
    setOpen(true);
    input.current?.select();
  };
  const hide = () => {
    setOpen(false);
    setTyped(null);
    wait(false);
  };
  function take(index: number): void {
    const option = options[index];
    const value = option ? option.value : search === '' ? undefined : free?.(search);
    wait(false);
    if (value === undefined) return;
    hide();
    choose(value);
  }
  const move = (step: number) =>
    setActive(active === none ? 0 : (active + step + options.length) % Math.max(1, options.length));

  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (open) move(event.key === 'ArrowDown' ? 1 : -1);
      else show();
    } else if (event.key === 'Enter') {
      if (!open) show();
      else if (current) take(active);
      else wait(true);
    } else if (event.key === 'Escape' && (open || leave)) {
      hide();
      leave?.();
    } else if (event.key === 'Tab') {
      hide();
      return;
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="picker">
      <label class="visually-hidden" for={`${id}-input`}>
        {label}
      </label>
      <Icon name={icon} size={16} />
      <input
        ref={input}
        id={`${id}-input`}
        type="text"
        role="combobox"
        autoComplete="off"
        spellcheck={false}
        aria-autocomplete="list"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-activedescendant={open && active !== none ? `${id}-${active}` : undefined}
        placeholder={placeholder}
        value={typed ?? text}
        data-testid={`${testid}-input`}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setOpen(true);
        }}
        onClick={show}
        onFocus={(event) => (leave ? show() : event.currentTarget.select())}
        onBlur={() => {
          hide();
          leave?.();
        }}
        onKeyDown={onKey}
      />
      <Icon name="chevron" size={16} />
      {/* Pressing in the list must not take the focus from the input, which would close it. */}
      <div class="popup" hidden={!open} onMouseDown={(event) => event.preventDefault()}>
        <ul ref={list} id={`${id}-list`} role="listbox" aria-label={label} data-testid={`${testid}-list`}>
          {options.map((option, index) => (
            <li
              key={option.key}
              id={`${id}-${index}`}
              role="option"
              aria-selected={option.key === chosen}
              class={index === active ? 'active' : undefined}
              data-testid={`${testid}-option`}
              data-value={option.key.replace(/^=/, '')}
              onClick={() => take(index)}
            >
              <span>
                <bdi>{option.label}</bdi>
                {option.hint !== undefined && <small class="muted"> {option.hint}</small>}
              </span>
              {option.key === chosen && <Icon name="check" size={14} />}
            </li>
          ))}
        </ul>
        {found.note !== '' && <p class="note">{found.note}</p>}
      </div>
    </div>
  );
}
