// A button that copies a text and says so for a moment.
import { useEffect, useState } from 'preact/hooks';
import { copy } from '../clipboard';
import { Icon } from './icon';

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, say] = useState('');
  useEffect(() => {
    if (said === '') return;
    const timer = setTimeout(() => say(''), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <button
      type="button"
      class="small copy"
      aria-label={said === '' ? `Copy ${what}` : undefined}
      data-testid="copy"
      onClick={() => void copy(text).then((done) => say(done ? 'Copied' : 'Not allowed'))}
    >
      <Icon name={said === 'Copied' ? 'check' : 'copy'} size={14} />
      <span aria-live="polite">{said === '' ? 'Copy' : said}</span>
    </button>
  );
}
