// The filters that hold, each to be turned around or removed; and the menu for one more, of any dimension.
import { useState } from 'preact/hooks';
import type { Family, Filter, Value } from '../api';
import { allFilters, chosen, isFilterOf, negated, withoutValue, withValue } from '../filters';
import { dimensionOf, inWords, isShown, type Names } from '../family';
import type { Navigation } from '../state';
import { Icon } from './icon';
import { Menu } from './menu';
import { Select } from './select';
import { ValuePicker } from './value-picker';

interface Props {
  navigation: Navigation;
  family: Family;
  names: Names;
}

function Chip({ filter, props, set }: { filter: Filter; props: Props; set: (filters: Filter[]) => void }) {
  const { navigation, family, names } = props;
  const { dimension: name, values, not } = filter;
  const dimension = dimensionOf(family, name);
  const filters = allFilters(navigation.state, family.tenant);
  const words = (value: Value) => names(name, value) ?? inWords(value);
  return (
    <li class={`chip${not ? ' not' : ''}`} data-testid="filter" data-dimension={name} data-not={not}>
      <b>{dimension.label}</b>
      <button
        type="button"
        title={not ? 'Show only these' : 'Show all but these'}
        data-testid="filter-negate"
        onClick={() => set(negated(filters, filter))}
      >
        {not ? 'is not' : 'is'}
      </button>
      {values.map((value, index) => (
        <span key={index} class="chip-value">
          {index > 0 && <i class="or">{not ? 'nor ' : 'or '}</i>}
          <bdi class={value === null || value.trim() === '' ? 'unknown' : undefined}>{words(value)}</bdi>
          {values.length > 1 && (
            <button
              type="button"
              aria-label={`Remove ${words(value)} from the filter of ${dimension.label}`}
              data-testid="filter-remove-value"
              onClick={() => set(withoutValue(filters, name, value, not))}
            >
              <Icon name="close" size={11} />
            </button>
          )}
        </span>
      ))}
      <button
        type="button"
        aria-label={`Remove the filter of ${dimension.label}`}
        data-testid="filter-remove"
        onClick={() => set(filters.filter((each) => !isFilterOf(each, name, not)))}
      >
        <Icon name="close" size={13} />
      </button>
    </li>
  );
}

interface NewProps {
  navigation: Navigation;
  family: Family;
  /** By a link that shows one tenant: there is no choice of tenants. */
  limited: boolean;
}

export function NewFilter({ navigation, family, limited }: NewProps) {
  const dimensions = family.dimensions.filter(
    (dimension) => isShown(dimension) && !(limited && dimension.name === family.tenant),
  );
  const [name, setName] = useState(dimensions[0]?.name ?? '');
  const [how, setHow] = useState('is');
  if (dimensions.length === 0) return null;
  return (
    <Menu label="Filter" icon="filter" testid="filter-add" class="option">
      {(close) => (
        <div class="add-filter" role="group" aria-label="A new filter">
          <Select
            label="Dimension"
            testid="filter-dimension"
            value={name}
            options={dimensions.map((each) => ({ value: each.name, label: each.label }))}
            choose={setName}
          />
          <Select
            label="How"
            testid="filter-how"
            value={how}
            options={[
              { value: 'is', label: 'is' },
              { value: 'not', label: 'is not' },
            ]}
            choose={setHow}
          />
          <ValuePicker
            key={name}
            state={navigation.state}
            dimension={dimensionOf(family, name)}
            testid="filter-value"
            choose={(value) => {
              close();
              const filters = allFilters(navigation.state, family.tenant);
              navigation.go(chosen(withValue(filters, name, value, how === 'not'), family.tenant));
            }}
          />
        </div>
      )}
    </Menu>
  );
}

export function FilterBar(props: Props) {
  const { navigation, family } = props;
  const set = (filters: Filter[]) => navigation.go(chosen(filters, family.tenant));
  const filters = allFilters(navigation.state, family.tenant);
  if (filters.length === 0) return null;
  return (
    <div class="filters" role="group" aria-label="Filters" data-testid="filters">
      <ul>
        {filters.map((filter) => (
          <Chip key={`${filter.dimension} ${filter.not}`} filter={filter} props={props} set={set} />
        ))}
      </ul>
      {filters.length > 1 && (
        <button type="button" class="small" data-testid="filters-clear" onClick={() => set([])}>
          Remove all
        </button>
      )}
    </div>
  );
}
