package pix

import "fmt"

// checkReturns: the returns of a payment are together never more than it, at the bank that returns and at the hub, and
// the hub counts what it has forwarded.
func (c *comparison) checkReturns(ids []string) {
	debited, forwarded := make(map[string]int64), make(map[string]int64)
	for _, id := range ids {
		k := c.payments[id]
		if !k.isReturn() || k.hub == nil {
			continue
		}
		if k.taken != nil && k.released == nil {
			debited[k.hub.Original] += k.taken.AmountMinor
		}
		if k.hub.State != "REJECTED" && !k.hub.Held {
			forwarded[k.hub.Original] += k.hub.AmountMinor
		}
		if c.payments[k.hub.Original] == nil && !k.hub.Held {
			c.differ(HubName, id, "original_end_to_end_id", "there is no payment "+k.hub.Original)
		}
	}
	for _, id := range ids {
		k := c.payments[id]
		if k.isReturn() || k.hub == nil {
			continue
		}
		if debited[id] > k.hub.AmountMinor {
			c.differ(k.hub.Receiver, id, "amount_minor", fmt.Sprintf("returns of %d give back more than the payment of %d", debited[id], k.hub.AmountMinor))
		}
		if forwarded[id] != k.hub.Returned {
			c.differ(HubName, id, "returned_minor", fmt.Sprintf("%d, and its returns give back %d", k.hub.Returned, forwarded[id]))
		}
	}
}
