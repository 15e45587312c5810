// Topics of Kafka that are read into tables: how far each partition is.
import { count, duration, rate } from '../format';
import type { TopicPartition } from '../operations-api';
import { Ago } from './ago';
import { Grid } from './grid';
import { Panel } from './panel';

const columns = [
  { label: 'Topic' },
  { label: 'Into' },
  { label: 'Behind', figure: true },
  { label: 'Caught up in', figure: true },
  { label: 'Read per second', figure: true },
  { label: 'Rejected', figure: true },
  { label: 'Consumer' },
  { label: 'Seen', figure: true },
];

const caughtUp = ({ lag, catch_up_seconds: seconds }: TopicPartition) =>
  lag === 0 ? 'is' : seconds === null ? 'not at this rate' : duration(seconds);

export function Topics({ partitions, now }: { partitions: TopicPartition[]; now: string }) {
  if (partitions.length === 0) return null;
  return (
    <Panel name="topics" title="Topics" subtitle="Of Kafka">
      <Grid caption="Partitions of topics of Kafka" columns={columns}>
        <tbody>
          {partitions.map((each) => (
            <tr key={`${each.table} ${each.cluster} ${each.topic} ${each.partition}`} data-testid="topic-partition">
              <th scope="row">
                {each.topic}/{each.partition}
                {each.cluster !== '' && <small>{each.cluster}</small>}
              </th>
              <td>{each.table}</td>
              <td class="figure">
                {count(each.lag)}
                {each.lag > 0 && each.seconds_behind !== null && <small>{duration(each.seconds_behind)}</small>}
              </td>
              <td class="figure">{caughtUp(each)}</td>
              <td class="figure">{rate(each.read_per_second)}</td>
              <td class="figure">{count(each.rejects)}</td>
              <td class="wide">
                {each.consumer ?? 'nobody'}
                {each.stopped_because !== null && <small>{each.stopped_because}</small>}
              </td>
              <td class="figure">
                <Ago time={each.seen_at} now={now} />
              </td>
            </tr>
          ))}
        </tbody>
      </Grid>
    </Panel>
  );
}
