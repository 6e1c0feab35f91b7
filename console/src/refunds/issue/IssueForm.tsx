import {
  Alert,
  Button,
  Group,
  SegmentedControl,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { formatMoney } from '../../money/money.ts';
import { methodText } from '../../payments/method.ts';
import { PaymentBar } from '../../payments/PaymentBar.tsx';
import type { PaymentDetail } from '../../payments/queries.ts';
import { ErrorNotice } from '../../shell/ErrorNotice.tsx';
import { t } from '../../texts/texts.ts';
import { reasonsQuery } from '../queries.ts';
import { reasonText } from '../reason.ts';
import { type Plan, planRefund } from './plan.ts';
import type { useIssue } from './useIssue.ts';

interface Props {
  payment: PaymentDetail;
  issuing: ReturnType<typeof useIssue>;
  onCancel: () => void;
}

/** How much, why, and a sentence that says what will happen. */
export function IssueForm({ payment, issuing, onCancel }: Props) {
  const { draft, change, send, issue } = issuing;
  const { data: reasons = [] } = useQuery(reasonsQuery);
  const left = useWatched(payment.refundable_cents);
  const plan = planRefund(draft, payment);
  const money = (cents: number) => formatMoney(cents, payment.currency);
  const frozen = draft.sent !== null;

  // A reload in mid-refund: the same is asked again under the same key, and answered with what has come of it.
  const resumed = useRef(false);
  useEffect(() => {
    if (resumed.current || draft.sent === null) return;
    resumed.current = true;
    send(draft.sent);
  }, [draft.sent, send]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (issue.isPending) return;
    resumed.current = true;
    if (draft.sent !== null) send(draft.sent);
    else if ('body' in plan && !left.changed) send(plan.body);
  };

  const complaint = 'problem' in plan ? complaintOf(plan.problem, payment) : undefined;
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <PaymentBar payment={payment} />
        {left.changed && !frozen && (
          <Alert color="orange" title={t.issue.changed}>
            <Text size="sm">{t.issue.changed_text(money(left.before), money(payment.refundable_cents))}</Text>
            <Button mt="sm" size="xs" variant="default" onClick={left.accept}>
              {t.issue.seen}
            </Button>
          </Alert>
        )}
        <fieldset disabled={frozen} className="plain">
          <Stack gap="md">
            <SegmentedControl
              aria-label={t.issue.how_much}
              fullWidth
              disabled={frozen}
              data={[
                { value: 'full', label: t.issue.full(money(payment.refundable_cents)) },
                { value: 'part', label: t.issue.part },
              ]}
              value={draft.full ? 'full' : 'part'}
              onChange={(choice) => change({ full: choice === 'full' })}
            />
            {!draft.full && (
              <TextInput
                label={t.issue.amount(payment.currency.toUpperCase())}
                inputMode="decimal"
                autoComplete="off"
                data-autofocus
                value={draft.amount}
                onChange={({ currentTarget }) => change({ amount: currentTarget.value })}
                error={draft.amount === '' ? undefined : complaint}
              />
            )}
            <Select
              label={t.issue.reason}
              placeholder={t.issue.reason_pick}
              data={reasons.map(({ code, sentence }) => ({ value: code, label: reasonText(code), sentence }))}
              value={draft.reason}
              onChange={(reason) => change({ reason })}
              clearable
              description={draft.reason === 'fraudulent' ? t.issue.fraudulent : undefined}
            />
            <Textarea
              label={t.issue.note}
              description={t.issue.note_text}
              autosize
              minRows={2}
              maxLength={2_000}
              value={draft.note}
              onChange={({ currentTarget }) => change({ note: currentTarget.value })}
            />
          </Stack>
        </fieldset>
        <Text role="status" fw={500}>
          {summaryOf(plan, payment, frozen)}
        </Text>
        {'body' in plan && plan.needs_approval && (
          <Alert color="violet">{t.issue.needs_approval(money(payment.approval_limit_cents ?? 0))}</Alert>
        )}
        {issue.isError && <Failure error={issue.error} frozen={frozen} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel} disabled={issue.isPending}>
            {t.common.cancel}
          </Button>
          <Button
            type="submit"
            loading={issue.isPending}
            disabled={!frozen && (left.changed || !('body' in plan))}
          >
            {frozen ? t.issue.ask_again : labelOf(plan, payment)}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** What is left, as it was when it was looked at: a change is to be seen before anything is sent. */
function useWatched(now: number) {
  const [before, setBefore] = useState(now);
  return { before, changed: now !== before, accept: () => setBefore(now) };
}

function complaintOf(problem: Extract<Plan, { problem: string }>['problem'], payment: PaymentDetail): string {
  if (problem === 'nothing') return t.issue.nothing;
  if (problem === 'too_much')
    return t.issue.too_much(formatMoney(payment.refundable_cents, payment.currency));
  return t.money[problem](payment.currency.toUpperCase());
}

function summaryOf(plan: Plan, payment: PaymentDetail, frozen: boolean): string {
  if (frozen) return t.issue.sent;
  if (!('body' in plan)) return '';
  const { payment_method, customer_id, captured_cents, currency } = payment;
  return t.issue.summary({
    amount: formatMoney(plan.amount_cents, currency),
    of: formatMoney(captured_cents, currency),
    to: methodText(payment_method),
    customer: customer_id,
    remaining: formatMoney(plan.remaining_cents, currency),
  });
}

function labelOf(plan: Plan, { currency }: PaymentDetail): string {
  if (!('body' in plan)) return t.issue.title;
  const amount = formatMoney(plan.amount_cents, currency);
  return plan.needs_approval ? t.issue.ask_approval(amount) : t.issue.refund(amount);
}

function Failure({ error, frozen }: { error: unknown; frozen: boolean }) {
  return (
    <Stack gap="xs">
      <ErrorNotice error={error} />
      {frozen && (
        <Text size="sm" role="status">
          {t.issue.unknown}
        </Text>
      )}
    </Stack>
  );
}
