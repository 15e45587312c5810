// Before the first event: how to send one. The stream stays open, so the figures appear here without a
// reload.
import { CopyButton } from './copy-button';

const ways: { title: string; text: string; command: string }[] = [
  {
    title: 'Try it with made-up events',
    text: 'An hour of them, up to now:',
    command: 'millrace generate --rows 100000 --into-database',
  },
  {
    title: 'Load your own',
    text: 'From a CSV file with a header line:',
    command: 'millrace load clicks.csv',
  },
  {
    title: 'Send one',
    text: 'From any client of PostgreSQL, psql for one:',
    command:
      'INSERT INTO events (customer_id, event_type, country, browser, device_id, session_id) ' +
      "VALUES (1, 'page_view', 'DE', 'Firefox', 42, 7);",
  },
];

export function Empty() {
  return (
    <section class="empty" data-testid="empty">
      <h1>No events yet</h1>
      <p class="lead">
        The figures appear here by themselves as soon as the first event is in. Three ways to send it:
      </p>
      <ol>
        {ways.map(({ title, text, command }) => (
          <li key={title} class="panel">
            <h2>{title}</h2>
            <p class="muted">{text}</p>
            <div class="command">
              <pre>{command}</pre>
              <CopyButton text={command} what="the command" />
            </div>
          </li>
        ))}
      </ol>
      <p class="waiting muted">
        <span class="dot" aria-hidden="true" /> Waiting for the first event
      </p>
    </section>
  );
}
