// A card with a heading and its buttons: the statement behind the figures, and their rows as CSV.
import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { download, type Sheet } from '../csv';
import { SqlDialog } from './sql-dialog';

interface ActionsProps {
  name: string;
  title: string;
  sql: string;
  sheet: () => Sheet;
}

export function Actions({ name, title, sql, sheet }: ActionsProps) {
  const [shown, show] = useState(false);
  return (
    <>
      <button
        type="button"
        class="small"
        aria-label={`SQL of ${title}`}
        title="The statement behind these figures"
        data-testid={`${name}-sql`}
        onClick={() => show(true)}
      >
        SQL
      </button>
      <button
        type="button"
        class="small"
        aria-label={`${title} as CSV`}
        title="These rows as a file"
        data-testid={`${name}-csv`}
        onClick={() => download(sheet())}
      >
        CSV
      </button>
      {shown && <SqlDialog title={title} sql={sql} close={() => show(false)} />}
    </>
  );
}

interface PanelProps {
  name: string;
  title: string;
  subtitle?: ComponentChildren;
  actions?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Panel({ name, title, subtitle, actions, class: more, children }: PanelProps) {
  const id = useId();
  return (
    <section class={`panel ${more ?? ''}`} aria-labelledby={id} data-testid={name}>
      <header>
        <div>
          <h2 id={id}>{title}</h2>
          {subtitle && <p class="muted">{subtitle}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}
