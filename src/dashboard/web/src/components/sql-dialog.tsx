// The statement behind a panel, as it was when the dialog opened: it does not change while it is read.
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { CopyButton } from './copy-button';
import { Icon } from './icon';

export function SqlDialog({ title, sql, close }: { title: string; sql: string; close: () => void }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [statement] = useState(sql);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      data-testid="sql-dialog"
      onClose={close}
      onClick={(event) => {
        // A click hits the dialog itself only outside its content, on the backdrop.
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      <div class="content">
        <header>
          <h2 id={id}>SQL: {title}</h2>
          <button
            type="button"
            class="small plain"
            aria-label="Close"
            onClick={() => dialog.current?.close()}
          >
            <Icon name="close" size={16} />
          </button>
        </header>
        <pre tabIndex={0} role="region" aria-label="Statement" data-testid="sql-text">
          {statement}
        </pre>
        <footer>
          <p class="muted">Can be pasted into psql as it is.</p>
          <CopyButton text={statement} what="the statement" />
        </footer>
      </div>
    </dialog>
  );
}
