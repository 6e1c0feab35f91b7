import { Button, Group, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useSessionStorage } from '@mantine/hooks';
import { useState } from 'react';
import { formatMoney } from '../../money/money.ts';
import { useMay, useSession } from '../../session/session.ts';
import { t } from '../../texts/texts.ts';
import type { RefundDetail } from '../queries.ts';
import { ActionDialog } from './ActionDialog.tsx';
import { type Action, approve, cancel, type Resolution, reject, resolve } from './acts.ts';

interface Props {
  refund: RefundDetail;
  /** What is being done; stands in the address, so that whoever has to sign in again comes back to it. */
  action: Action | undefined;
  onAction: (action: Action | undefined) => void;
}

/** What can be done to a refund by whoever looks, where it is now. */
export function RefundActions({ refund, action, onAction }: Props) {
  const can = useActions(refund);
  const close = () => onAction(undefined);
  const shown = action !== undefined && can.actions.includes(action) ? action : undefined;
  return (
    <>
      {can.isOwn && (
        <Text size="sm" c="dimmed">
          {t.actions.yours}
        </Text>
      )}
      {can.actions.length > 0 && (
        <Group gap="sm">
          {can.actions.map((one) => (
            <Button
              key={one}
              variant={one === 'approve' || one === 'resolve' ? 'filled' : 'default'}
              onClick={() => onAction(one)}
            >
              {t.actions[one]}
            </Button>
          ))}
        </Group>
      )}
      {shown === 'approve' && <Approve refund={refund} onClose={close} />}
      {shown === 'reject' && <Reject refund={refund} onClose={close} />}
      {shown === 'cancel' && (
        <ActionDialog
          title={t.actions.cancel}
          text={t.actions.cancel_text}
          act={(key) => cancel(refund.refund_id, key)}
          onClose={close}
        />
      )}
      {shown === 'resolve' && <Resolve refund={refund} onClose={close} />}
    </>
  );
}

function useActions({ status, requested_by_type, requested_by_id, attention }: RefundDetail) {
  const { actor_id } = useSession();
  const mayApprove = useMay('admin:refunds.approve');
  const mayIssue = useMay('admin:refunds.issue', 'admin:refunds.approve');
  const waits = status === 'awaiting_approval';
  const isOwn = waits && requested_by_type === 'user' && requested_by_id === actor_id;
  const actions: Action[] = [
    ...(waits && mayApprove && !isOwn ? (['approve', 'reject'] as const) : []),
    ...(mayIssue && (status === 'requires_action' || (waits && (isOwn || !mayApprove)))
      ? (['cancel'] as const)
      : []),
    ...(mayIssue && attention !== null ? (['resolve'] as const) : []),
  ];
  return { actions, isOwn: isOwn && mayApprove };
}

interface DialogProps {
  refund: RefundDetail;
  onClose: () => void;
}

/** What was typed stays until it has been done or given up, also over a new sign-in. */
function useNote(action: Action, refund_id: string) {
  const [note, setNote, forget] = useSessionStorage({ key: `note-${action}-${refund_id}`, defaultValue: '' });
  return { note, setNote, forget };
}

function Approve({ refund, onClose }: DialogProps) {
  const { note, setNote, forget } = useNote('approve', refund.refund_id);
  const close = () => {
    forget();
    onClose();
  };
  return (
    <ActionDialog
      title={t.actions.approve}
      text={t.actions.approve_text(formatMoney(refund.amount_cents, refund.currency), refund.customer_id)}
      act={(key) => approve(refund.refund_id, key, note)}
      onClose={close}
    >
      <Textarea
        label={t.actions.note}
        value={note}
        maxLength={2_000}
        autosize
        onChange={({ currentTarget }) => setNote(currentTarget.value)}
      />
    </ActionDialog>
  );
}

function Reject({ refund, onClose }: DialogProps) {
  const { note, setNote, forget } = useNote('reject', refund.refund_id);
  const close = () => {
    forget();
    onClose();
  };
  return (
    <ActionDialog
      title={t.actions.reject}
      text={t.actions.reject_text}
      color="red"
      ready={note.trim() !== ''}
      act={(key) => reject(refund.refund_id, key, note)}
      onClose={close}
    >
      <Textarea
        label={t.actions.reason}
        value={note}
        maxLength={2_000}
        autosize
        required
        data-autofocus
        onChange={({ currentTarget }) => setNote(currentTarget.value)}
      />
    </ActionDialog>
  );
}

const RESOLUTIONS = ['refunded_again', 'paid_otherwise', 'not_owed'] as const;
const WHAT = {
  refunded_again: t.actions.replacement,
  paid_otherwise: t.actions.reference,
  not_owed: t.actions.not_owed,
};

function Resolve({ refund, onClose }: DialogProps) {
  const [how, setHow] = useState<(typeof RESOLUTIONS)[number]>('refunded_again');
  const [said, setSaid] = useState('');
  const text = said.trim();
  const resolution: Resolution =
    how === 'refunded_again'
      ? { resolution: how, replacement_refund_id: text }
      : { resolution: how, reference: text };
  return (
    <ActionDialog
      title={t.actions.resolve}
      text={t.actions.resolve_text(formatMoney(refund.attention?.owed_cents ?? 0, refund.currency))}
      ready={text !== ''}
      act={(key) => resolve(refund.refund_id, key, resolution)}
      onClose={onClose}
    >
      <Stack gap="sm">
        <Select
          label={t.actions.how}
          data={RESOLUTIONS.map((value) => ({ value, label: t.actions.resolutions[value] }))}
          value={how}
          allowDeselect={false}
          onChange={(value) => setHow(RESOLUTIONS.find((one) => one === value) ?? how)}
        />
        <TextInput
          label={WHAT[how]}
          value={said}
          required
          maxLength={2_000}
          onChange={({ currentTarget }) => setSaid(currentTarget.value)}
        />
      </Stack>
    </ActionDialog>
  );
}
