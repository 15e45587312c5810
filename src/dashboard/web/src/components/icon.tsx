// The page's icons, in the colour of the text beside them. Screen readers skip them and read that text.
const paths = {
  logo: 'M4 17v-4M9.3 17V7M14.6 17v-6M20 17V4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M4.9 4.9l1.8 1.8M17.3 17.3l1.8 1.8M4.9 19.1l1.8-1.8M17.3 6.7l1.8-1.8',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  chevron: 'm6 9 6 6 6-6',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  warning: 'M12 4 2.8 19.5h18.4L12 4ZM12 10v4.5M12 17.2v.1',
  bad: 'M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9l6 6M15 9l-6 6',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  back: 'M9 7 4 12l5 5M4 12h11a5 5 0 0 1 0 10h-1',
  close: 'M6 6l12 12M18 6 6 18',
  users:
    'M4 20c0-4 3-6 5.5-6s5.5 2 5.5 6M9.5 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M16 14.5c2.5.3 4.5 2.2 4.5 5.5M15.5 4.3a3.5 3.5 0 0 1 0 6.4',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
