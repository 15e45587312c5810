// A button that opens a small panel below it. It closes with Escape, with a press outside, and when the focus leaves it.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icon';

interface Props {
  /** What is on the button. */
  label: ComponentChildren;
  /** What it is called, if not as its label. */
  name?: string | undefined;
  testid: string;
  icon?: IconName;
  class?: string;
  pressed?: boolean | undefined;
  children: (close: () => void) => ComponentChildren;
}

export function Menu({ label, name, testid, icon, class: more, pressed, children }: Props) {
  const [open, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  const close = () => {
    setOpen(false);
    button.current?.focus();
  };

  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!place.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);

  return (
    <div
      class={`menu ${more ?? ''}`}
      ref={place}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open) return;
        event.stopPropagation();
        close();
      }}
    >
      <button
        type="button"
        ref={button}
        aria-expanded={open}
        aria-pressed={pressed}
        aria-label={name}
        data-testid={testid}
        onClick={() => setOpen(!open)}
      >
        {icon && <Icon name={icon} size={14} />}
        {label}
        <Icon name="chevron" size={13} />
      </button>
      {open && <div class="sheet">{children(close)}</div>}
    </div>
  );
}
