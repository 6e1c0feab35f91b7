import { Modal } from '@mantine/core';
import type { PaymentDetail } from '../../payments/queries.ts';
import { t } from '../../texts/texts.ts';
import { IssueForm } from './IssueForm.tsx';
import { Outcome } from './Outcome.tsx';
import { useIssue } from './useIssue.ts';

interface Props {
  payment: PaymentDetail;
  onClose: () => void;
}

/** Asks for a refund of a payment, and follows it until Stripe has answered. */
export function RefundDialog({ payment, onClose }: Props) {
  const issuing = useIssue(payment.payment_id);
  const { issue } = issuing;
  const close = () => {
    issuing.drop();
    onClose();
  };
  return (
    <Modal
      opened
      onClose={close}
      // What is under way is not walked away from by a stray click or key.
      closeOnClickOutside={false}
      closeOnEscape={!issue.isPending}
      withCloseButton={!issue.isPending}
      closeButtonProps={{ 'aria-label': t.common.close }}
      title={t.issue.title}
      size="lg"
    >
      {issue.isSuccess ? (
        <Outcome refund_id={issue.data.body.refund_id} onClose={close} />
      ) : (
        <IssueForm payment={payment} issuing={issuing} onCancel={close} />
      )}
    </Modal>
  );
}
