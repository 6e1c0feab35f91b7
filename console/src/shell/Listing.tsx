import { Checkbox, Paper, Stack, Table } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { type ComponentType, memo } from 'react';
import { PHONE } from './phone.ts';

export interface Column<Row> {
  name: string;
  label: string;
  numeric?: true;
  cell: ComponentType<{ row: Row }>;
}

interface Props<Row> {
  /** What the rows are, for those who do not see the heading. */
  label: string;
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** The same array as long as the same columns are shown. */
  columns: readonly Column<Row>[];
  /** Where a row leads, if anywhere, and what matters of it: for a phone, on which rows are one below the other. */
  addressOf?: ((row: Row) => string) | undefined;
  card: ComponentType<{ row: Row }>;
  /** Where rows can be selected. */
  selection?: Selection | undefined;
}

interface Selection {
  selected: ReadonlySet<string>;
  onSelect: (keys: ReadonlySet<string>) => void;
  /** What selecting is for. */
  label: string;
  label_all: string;
}

/** Rows of a list: a table, or on a phone cards. */
export function Listing<Row>(props: Props<Row>) {
  return useMediaQuery(PHONE) === true ? <Cards {...props} /> : <Lines {...props} />;
}

function Cards<Row>({ rows, keyOf, addressOf, card: Card }: Props<Row>) {
  return (
    <Stack gap="xs" component="ul" className="cards">
      {rows.map((row) => (
        <Paper key={keyOf(row)} component="li" withBorder radius="md">
          {addressOf === undefined ? (
            <div className="card-link">
              <Card row={row} />
            </div>
          ) : (
            <Link to={addressOf(row)} className="card-link">
              <Card row={row} />
            </Link>
          )}
        </Paper>
      ))}
    </Stack>
  );
}

function Lines<Row>({ label, rows, keyOf, columns, selection }: Props<Row>) {
  const all = rows.map(keyOf);
  const select = (keys: readonly string[], on: boolean) => {
    const next = new Set(selection?.selected);
    for (const key of keys) on ? next.add(key) : next.delete(key);
    selection?.onSelect(next);
  };
  return (
    <Paper withBorder radius="md" className="table">
      <Table.ScrollContainer minWidth={600} tabIndex={0} role="region" aria-label={label}>
        <Table highlightOnHover verticalSpacing="xs" horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              {selection !== undefined && (
                <Table.Th w={40}>
                  <Checkbox
                    aria-label={selection.label_all}
                    checked={all.every((key) => selection.selected.has(key))}
                    indeterminate={
                      all.some((key) => selection.selected.has(key)) &&
                      !all.every((key) => selection.selected.has(key))
                    }
                    onChange={({ currentTarget }) => select(all, currentTarget.checked)}
                  />
                </Table.Th>
              )}
              {columns.map(({ name, label, numeric }) => (
                <Table.Th key={name} scope="col" ta={numeric === true ? 'right' : 'left'}>
                  {label}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Line
                key={keyOf(row)}
                row={row}
                columns={columns}
                {...(selection === undefined
                  ? {}
                  : {
                      label: selection.label,
                      selected: selection.selected.has(keyOf(row)),
                      onSelect: (on: boolean) => select([keyOf(row)], on),
                    })}
              />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}

interface LineProps<Row> {
  row: Row;
  columns: readonly Column<Row>[];
  label?: string;
  selected?: boolean;
  onSelect?: (on: boolean) => void;
}

function DrawLine<Row>({ row, columns, label, selected, onSelect }: LineProps<Row>) {
  return (
    <Table.Tr>
      {onSelect !== undefined && (
        <Table.Td>
          <Checkbox
            aria-label={label}
            checked={selected === true}
            onChange={({ currentTarget }) => onSelect(currentTarget.checked)}
          />
        </Table.Td>
      )}
      {columns.map(({ name, numeric, cell: Cell }) => (
        <Table.Td key={name} ta={numeric === true ? 'right' : 'left'}>
          <Cell row={row} />
        </Table.Td>
      ))}
    </Table.Tr>
  );
}
/** Drawn once, however many rows come after it. */
const Line = memo(DrawLine) as typeof DrawLine;
