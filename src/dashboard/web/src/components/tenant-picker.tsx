// Picks a tenant by typing the beginning of its id: a combobox with a list below, after the ARIA
// pattern: the focus stays in the input, aria-activedescendant follows the arrow keys.
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { searchTenants } from '../api';
import { Icon } from './icon';

interface Found {
  search: string;
  tenants: string[];
  /** The text below the list: there are more, there are none, or why the search failed. */
  note: string;
}

const isId = (text: string) => /^-?\d{1,19}$/.test(text);
/** The index of the active option when none is active. */
const none = -1;
const everyone = { value: null, label: 'All tenants' };

/** The tenants for what is typed, asked for while the list is open; answers to older requests are dropped. */
function useFound(search: string, open: boolean): Found {
  const [found, set] = useState<Found>({ search: '', tenants: [], note: '' });
  useEffect(() => {
    if (!open) return;
    if (search !== '' && search !== '-' && !isId(search)) {
      set({ search, tenants: [], note: 'Tenants are numbers.' });
      return;
    }
    let current = true;
    const timer = setTimeout(
      () => {
        searchTenants(search).then(
          ({ tenants, more }) => {
            const note =
              tenants.length === 0 ? 'No such tenant.' : more ? 'There are more: type to narrow.' : '';
            if (current) set({ search, tenants, note });
          },
          (error: Error) => {
            if (current) set({ search, tenants: [], note: error.message });
          },
        );
      },
      search === '' ? 0 : 120,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [search, open]);
  return found;
}

interface Props {
  tenant: string | null;
  choose: (tenant: string | null) => void;
}

export function TenantPicker({ tenant, choose }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [open, setOpen] = useState(false);
  /** What is typed; null: nothing since the list opened, and the choice is shown. */
  const [typed, setTyped] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const search = (typed ?? '').replace(/^tenant\s+/i, '').trim();
  const found = useFound(search, open);

  const options = [everyone, ...found.tenants.map((value) => ({ value, label: `Tenant ${value}` }))];

  // Typing makes the first match active, so that Enter takes it; without, the choice is active.
  useEffect(() => {
    if (!open) return;
    const wanted = search === '' ? tenant : search;
    const exact = options.findIndex((option) => option.value === wanted);
    setActive(exact >= 0 ? exact : search === '' ? 0 : found.tenants.length > 0 ? 1 : none);
  }, [open, found]);

  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active, open]);

  const show = () => {
    if (open) return;
    setTyped(null);
    setOpen(true);
    input.current?.select();
  };
  const hide = () => {
    setOpen(false);
    setTyped(null);
  };
  const take = (value: string | null) => {
    choose(value);
    hide();
  };
  const move = (step: number) =>
    setActive(active === none ? 0 : (active + step + options.length) % options.length);

  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (open) move(event.key === 'ArrowDown' ? 1 : -1);
      else show();
    } else if (event.key === 'Enter') {
      const option = options[active];
      if (!open) show();
      // An id that is typed in full needs no list: the list may not have come yet, or have no event of it.
      else if (isId(search) && (!option || found.search !== search)) take(search);
      else if (option) take(option.value);
    } else if (event.key === 'Escape' && open) {
      hide();
    } else if (event.key === 'Tab') {
      hide();
      return;
    } else {
      return;
    }
    event.preventDefault();
  };

  return (
    <div class="picker">
      <label class="visually-hidden" for={`${id}-input`}>
        Tenant
      </label>
      <Icon name="users" size={16} />
      <input
        ref={input}
        id={`${id}-input`}
        type="text"
        role="combobox"
        inputMode="numeric"
        autoComplete="off"
        spellcheck={false}
        aria-autocomplete="list"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-activedescendant={open && active !== none ? `${id}-${active}` : undefined}
        placeholder="Search by id"
        value={typed ?? (tenant === null ? everyone.label : `Tenant ${tenant}`)}
        data-testid="tenant-input"
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setOpen(true);
        }}
        onClick={show}
        onFocus={(event) => event.currentTarget.select()}
        onBlur={hide}
        onKeyDown={onKey}
      />
      <Icon name="chevron" size={16} />
      {/* Pressing in the list must not take the focus from the input, which would close it. */}
      <div class="popup" hidden={!open} onMouseDown={(event) => event.preventDefault()}>
        <ul ref={list} id={`${id}-list`} role="listbox" aria-label="Tenants" data-testid="tenant-list">
          {options.map((option, index) => (
            <li
              key={option.value ?? 'all'}
              id={`${id}-${index}`}
              role="option"
              aria-selected={option.value === tenant}
              class={index === active ? 'active' : undefined}
              data-testid="tenant-option"
              data-value={option.value ?? ''}
              onClick={() => take(option.value)}
            >
              <span>{option.label}</span>
              {option.value === tenant && <Icon name="check" size={14} />}
            </li>
          ))}
        </ul>
        {found.note !== '' && <p class="note">{found.note}</p>}
      </div>
    </div>
  );
}
