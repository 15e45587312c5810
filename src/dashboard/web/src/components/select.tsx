// The browser's own choice of one of a few, with its name in front where there is room.
import { useId } from 'preact/hooks';
import { Icon, type IconName } from './icon';

interface Props {
  label: string;
  testid: string;
  icon?: IconName;
  value: string;
  options: { value: string; label: string }[];
  choose: (value: string) => void;
}

export function Select({ label, testid, icon, value, options, choose }: Props) {
  const id = useId();
  return (
    <span class="select" title={label}>
      <label class="visually-hidden" for={id}>
        {label}
      </label>
      {icon && <Icon name={icon} size={14} />}
      <select
        id={id}
        value={value}
        data-testid={testid}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.label}
          </option>
        ))}
      </select>
    </span>
  );
}
