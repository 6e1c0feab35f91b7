import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { answerOf, api } from '../../api/api.ts';
import { useSession } from '../../session/session.ts';
import {
  afterFailure,
  type Draft,
  dropDraft,
  findDraft,
  type IssueBody,
  keepDraft,
  newDraft,
} from './draft.ts';

/**
 * The draft of a payment's refund, kept for this tab, and asking for it. What is sent is written down before it leaves, so that a
 * reload knows that it may have arrived.
 */
export function useIssue(payment_id: string) {
  const queries = useQueryClient();
  const { actor_id } = useSession();
  const [draft, setDraft] = useState<Draft>(
    () => findDraft(sessionStorage, { payment_id, actor_id }) ?? newDraft({ payment_id, actor_id }),
  );
  const keep = useCallback((next: Draft) => {
    keepDraft(sessionStorage, next);
    setDraft(next);
  }, []);

  const issue = useMutation({
    mutationFn: ({ key, body }: { key: string; body: IssueBody }) =>
      answerOf(api.POST('/v1/admin/refunds', { body, headers: { 'Idempotency-Key': key } })),
    onError: (error) => setDraft((current) => kept(afterFailure(current, error))),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ['payments'] }),
        queries.invalidateQueries({ queryKey: ['refunds'] }),
      ]),
  });
  const send = (body: IssueBody) => {
    keep({ ...draft, sent: body });
    issue.mutate({ key: draft.key, body });
  };
  return {
    draft,
    /** Changes what is not sent yet. */
    change: (change: Partial<Pick<Draft, 'full' | 'amount' | 'reason' | 'note'>>) => {
      if (draft.sent !== null) return;
      issue.reset();
      keep({ ...draft, ...change });
    },
    send,
    issue,
    /** Nothing is to be asked for any more, or it is known what came of it. */
    drop: () => dropDraft(sessionStorage, draft),
  };
}

function kept(draft: Draft): Draft {
  keepDraft(sessionStorage, draft);
  return draft;
}
