// Picks a value of a dimension by any part of its text. The tenant's picker is one, with "all" at the top.
import type { Dimension, Value } from '../api';
import { searchValues } from '../ask';
import { inWords, meaning } from '../family';
import type { State } from '../state';
import { Combobox, type Found, type Option } from './combobox';

/** A value's key: null and texts are never the same. */
export const keyOf = (value: Value) => (value === null ? 'null' : `=${value}`);

const whole = /^(smallint|integer|int[248]?|bigint|serial|bigserial)$/;

/** What is typed as a value that is in no list: it may have no events. Ids only; a part of a text is no value. */
function typedValue({ type }: Dimension, text: string): Value | undefined {
  if (whole.test(type)) return /^-?\d{1,19}$/.test(text) ? text : undefined;
  if (type === 'uuid') return /^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(text) ? text : undefined;
  return undefined;
}

interface PickerProps {
  state: State;
  dimension: Dimension;
  testid: string;
  choose: (value: Value) => void;
  leave?: () => void;
}

function option(dimension: Dimension, value: Value, label: string | null): Option<Value> {
  const name = meaning(dimension, value, label);
  return { key: keyOf(value), value, label: name ?? inWords(value), hint: name === null ? undefined : inWords(value) };
}

async function find(state: State, dimension: Dimension, search: string): Promise<Found<Value>> {
  const { values, more } = await searchValues(state, dimension.name, search);
  const note = values.length === 0 ? 'Nothing like this.' : more ? 'There are more: type to narrow.' : '';
  return { options: values.map(({ value, label }) => option(dimension, value, label)), note };
}

export function ValuePicker({ state, dimension, testid, choose, leave }: PickerProps) {
  return (
    <Combobox
      label={`Value of ${dimension.label}`}
      testid={testid}
      icon="search"
      placeholder={`Search ${dimension.plural.toLowerCase()}`}
      text=""
      chosen={null}
      find={(search) => find(state, dimension, search)}
      free={(text) => typedValue(dimension, text)}
      choose={choose}
      {...(leave ? { leave } : {})}
    />
  );
}

interface TenantProps {
  state: State;
  dimension: Dimension;
  /** undefined: several or all. */
  tenant: Value | undefined;
  text: string;
  choose: (tenant: Value | undefined) => void;
}

/** The choice of a tenant, boxed, because `undefined` is one: all of them. */
interface Choice {
  tenant: Value | undefined;
}

export function TenantPicker({ state, dimension, tenant, text, choose }: TenantProps) {
  const everyone = { key: '', value: { tenant: undefined }, label: `All ${dimension.plural.toLowerCase()}` };
  const strip = (search: string) => {
    const before = `${dimension.label.toLowerCase()} `;
    return search.toLowerCase().startsWith(before) ? search.slice(before.length).trim() : search;
  };
  const named = ({ value, label, hint, ...rest }: Option<Value>): Option<Choice> => ({
    ...rest,
    value: { tenant: value },
    // An id alone says little; a name says enough.
    label: hint === undefined && value !== null && /^-?\d+$/.test(value) ? `${dimension.label} ${label}` : label,
    hint,
  });
  return (
    <Combobox<Choice>
      label={dimension.label}
      testid="tenant"
      icon="users"
      placeholder={`Search ${dimension.plural.toLowerCase()}`}
      text={text}
      chosen={tenant === undefined ? '' : keyOf(tenant)}
      find={async (search) => {
        const { options, note } = await find(state, dimension, strip(search));
        const exact = options.filter(({ value }) => value === strip(search));
        const rest = options.filter(({ value }) => value !== strip(search));
        const all = search === '' ? [everyone] : [];
        return { options: [...all, ...[...exact, ...rest].map(named)], note };
      }}
      free={(typed) => {
        const value = typedValue(dimension, strip(typed));
        return value === undefined ? undefined : { tenant: value };
      }}
      choose={(choice) => choose(choice.tenant)}
    />
  );
}
