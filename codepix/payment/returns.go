package payment

// verdict is what may become of a return now.
type verdict uint8

const (
	waits verdict = iota
	goesOn
	refused
)

// check says whether a return may be forwarded, and why not.
func check(original, back *Payment) (verdict, string) {
	switch {
	case original == nil:
		return waits, ""
	case !isBackOf(original, back):
		return refused, ReturnMismatch
	case original.State == Rejected:
		return refused, OriginalRejected
	case original.State != Completed:
		return waits, ""
	case back.Terms.Amount.Minor > original.Terms.Amount.Minor-original.Returned:
		return refused, ReturnExceeds
	}
	return goesOn, ""
}

// isBackOf reports whether a return goes the way of the original back.
func isBackOf(original, back *Payment) bool {
	o, b := &original.Terms, &back.Terms
	return !original.ID.IsReturn() && o.Amount.Currency == b.Amount.Currency &&
		o.Sender.Bank == b.Receiver.Bank && o.Sender.Account == b.Receiver.Account &&
		o.Receiver.Bank == b.Sender.Bank && o.Receiver.Account == b.Sender.Account
}

// giveBack adds to an outcome what becomes of a return, and to the original what it gives back. original is nil if the
// hub does not know it; the return waits then, because a hub that was restored may know it later.
func (o *Outcome) giveBack(original *Payment, back Payment, c *Case, isNew bool) {
	switch verdict, reason := check(original, &back); verdict {
	case waits:
		if back.Held {
			return
		}
		back.Held = true
		o.Changed = append(o.Changed, back)
	case goesOn:
		back.Held = false
		original.Returned += back.Terms.Amount.Minor
		o.Changed = append(o.Changed, back)
		o.Sends = append(o.Sends, back.send(Initiate))
	case refused:
		back = back.rejected(reason, c.At, c.At, isNew)
		o.Changed = append(o.Changed, back)
		o.Sends = append(o.Sends, back.send(Reject))
	}
}
