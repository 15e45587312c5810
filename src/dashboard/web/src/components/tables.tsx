// The partitioned tables, each with its partitions, which can be unfolded. Rows in a default partition are a
// warning: there was no partition for them.
import { useState } from 'preact/hooks';
import { bytes, count, counted } from '../format';
import type { Partition, Table } from '../operations-api';
import { Grid } from './grid';
import { Health } from './health';
import { Icon } from './icon';
import { Panel } from './panel';

const columns = [
  { label: 'Table' },
  { label: 'State' },
  { label: 'Partitions', figure: true },
  { label: 'Size', figure: true },
  { label: 'Newest ends' },
  { label: 'In default', figure: true },
];

function Partitions({ partitions, all }: { partitions: Partition[]; all: number }) {
  return (
    <>
      {partitions.map((each) => (
        <tr key={each.partition} class="partition" data-testid="partition">
          <th scope="row">{each.partition}</th>
          <td colSpan={2}>{each.bounds}</td>
          <td class="figure">{bytes(each.size_bytes)}</td>
          <td />
          <td class="figure">{each.rows === null ? 'rows not known yet' : counted(each.rows, 'row', 'rows')}</td>
        </tr>
      ))}
      {all > partitions.length && (
        <tr class="detail">
          <td colSpan={columns.length}>
            The newest {partitions.length} of {count(all)}.
          </td>
        </tr>
      )}
    </>
  );
}

function TableRows({ table }: { table: Table }) {
  const [unfolded, unfold] = useState(false);
  return (
    <tbody data-testid="table" data-name={table.table}>
      <tr>
        <th scope="row">
          <button
            type="button"
            class="fold"
            aria-expanded={unfolded}
            onClick={() => unfold(!unfolded)}
            data-testid="table-unfold"
          >
            <Icon name="chevron" size={14} />
            <span class="visually-hidden">Partitions of </span>
            {table.table}
          </button>
        </th>
        <td>
          <Health state={table.state} />
        </td>
        <td class="figure">{count(table.partitions)}</td>
        <td class="figure">{bytes(table.size_bytes)}</td>
        <td>{table.newest_ends ?? '–'}</td>
        <td class={`figure${table.default_rows > 0 ? ' amber' : ''}`}>
          {counted(table.default_rows, 'row', 'rows')}
        </td>
      </tr>
      {unfolded && <Partitions partitions={table.partition_list} all={table.partitions} />}
    </tbody>
  );
}

export function Tables({ tables }: { tables: Table[] }) {
  return (
    <Panel name="tables" title="Tables">
      <Grid caption="Partitioned tables" columns={columns}>
        {tables.map((table) => (
          <TableRows key={table.table} table={table} />
        ))}
      </Grid>
      {tables.length === 0 && <p class="none">There are no partitioned tables.</p>}
    </Panel>
  );
}
