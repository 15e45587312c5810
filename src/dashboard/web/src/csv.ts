// A panel's rows as a CSV file (RFC 4180), made here from what is shown. Spreadsheets run text that starts
// like a formula, and whoever sends events chooses the text. So such text gets a ' in front.

/** Text is guarded in this way; numbers and ids are written as they are; null is an empty field. */
type Field = string | number | boolean | null;

export interface Sheet {
  /** The name of the file, without its extension. */
  name: string;
  header: string[];
  rows: Field[][];
}

function field(value: Field): string {
  if (value === null) return '';
  if (typeof value !== 'string' || /^-?\d+$/.test(value)) return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  // An empty text is quoted, to tell it from null.
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(sheet: Sheet): string {
  return [sheet.header, ...sheet.rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

export function download(sheet: Sheet): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([csv(sheet)], { type: 'text/csv;charset=utf-8' }));
  link.download = `${sheet.name}.csv`;
  document.body.append(link);
  link.click();
  link.remove();
  // Later, because the download has only been requested.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
