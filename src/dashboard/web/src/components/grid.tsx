// A table of the operations view, which scrolls inside its card where the window is narrow.
import type { ComponentChildren } from 'preact';

export interface Column {
  label: string;
  /** Numbers are aligned to the right. */
  figure?: boolean;
}

export function Grid({
  caption,
  columns,
  children,
}: {
  caption: string;
  columns: Column[];
  children: ComponentChildren;
}) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class="grid">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ label, figure }) => (
              <th key={label} scope="col" class={figure ? 'figure' : undefined}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        {children}
      </table>
    </div>
  );
}
