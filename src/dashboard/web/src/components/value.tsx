// A value from the events, as text and nothing else. A missing value looks different from a value with the same text.
import type { Value as Key } from '../api';

interface Props {
  value: Key;
  /** What it stands for, such as a country's name; null where that is not known. */
  meaning?: string | null;
}

export function Value({ value, meaning = null }: Props) {
  if (value === null) {
    return (
      <i class="unknown" title="The events say nothing here">
        (unknown)
      </i>
    );
  }
  if (value.trim() === '' && meaning === null) {
    return (
      <i class="unknown" title="A text without characters, or of spaces">
        (blank)
      </i>
    );
  }
  // bdi: a value written from right to left leaves the rest of the row as it is.
  return (
    <span class="text" title={value}>
      <bdi>{meaning ?? value}</bdi>
      {meaning !== null && meaning !== value && <small> {value}</small>}
    </span>
  );
}
