/** A figure with a small picture of its last minutes. */
import { t } from "./texts";

/** How many points a full picture has. */
const POINTS = 90;
const WIDTH = 180;
const HEIGHT = 32;

interface CurveProps {
  label: string;
  /** The latest value, in words. */
  value: string;
  /** The values, the oldest first; null leaves a gap. */
  points: readonly (number | null)[];
  /** What the picture is as high as at least, so that little looks little. */
  least: number;
  /** What is high is bad. */
  bad?: boolean;
}

export function Curve({ label, value, points, least, bad = false }: CurveProps) {
  return (
    <div class={bad ? "curve bad" : "curve"}>
      <p><span>{label}</span><strong>{value}</strong></p>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={t("connection.history", { label })}>
        {lines(points, least).map((line) => <polyline key={line} points={line} />)}
      </svg>
    </div>
  );
}

/** The stretches without gaps, as points of a picture; the latest value is at the right. */
export function lines(points: readonly (number | null)[], least: number): string[] {
  const most = Math.max(least, ...points.map((value) => value ?? 0));
  const from = POINTS - points.length;
  const stretches: string[][] = [[]];
  points.forEach((value, at) => {
    if (value === null) stretches.push([]);
    else {
      const x = ((from + at) * WIDTH) / (POINTS - 1);
      const y = HEIGHT - 1 - (value / most) * (HEIGHT - 3);
      stretches.at(-1)?.push(`${x.toFixed(1)},${y.toFixed(1)}`);
    }
  });
  return stretches.filter((stretch) => stretch.length > 0).map((stretch) => stretch.join(" "));
}
