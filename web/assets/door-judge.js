// Judges a ticket without a network, by the rules of modules/sales/admission/judge.go.

export const nameOf = (order, n) => `${order}/${n}`;

// judge says what a scanner shows. ticket is what its code says (null: not ours), changed and
// used are Maps by nameOf: tickets that were handed on or are void, and those somebody went in with.
// Of an event that was cancelled all tickets are void.
//
// A code of a later version than we know of was signed after our snapshot, so it is the good one.
export function judge(ticket, door, changed, used, cancelled) {
  if (!ticket) return { verdict: "unknown" };
  if (ticket.event !== door) return { verdict: "wrong_event" };
  const name = nameOf(ticket.order, ticket.n);
  const now = changed.get(name);
  if (cancelled || now?.x) return { verdict: "void" };
  if (ticket.version < (now?.v ?? 1)) return { verdict: "wrong_version" };
  const before = used.get(name);
  if (before) return { verdict: "already_used", before };
  return { verdict: "admitted" };
}
