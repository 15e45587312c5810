// A small line of figures over time, without axes: what it shows is written beside it.
export interface Sample {
  time: number;
  value: number;
}

const width = 320;
const height = 64;

export function Sparkline({ samples, label }: { samples: Sample[]; label: string }) {
  const first = samples[0]?.time ?? 0;
  const span = Math.max(1, (samples[samples.length - 1]?.time ?? 0) - first);
  const most = Math.max(1, ...samples.map((sample) => sample.value));
  const points = samples.map(({ time, value }) => {
    const x = samples.length === 1 ? width : ((time - first) / span) * width;
    return `${x.toFixed(1)},${(height - 2 - (value / most) * (height - 6)).toFixed(1)}`;
  });
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {points.length > 1 && <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} />}
      {points.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}
