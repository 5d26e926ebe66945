package demo

import (
	"context"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
)

// linesShown is how many lines of a statement are printed.
const linesShown = 12

// printStatement prints the newest lines of the customer with the most purchases.
func (d *demonstration) printStatement(ctx context.Context) error {
	counts := map[*customer]int{}
	var who *customer
	for _, purchase := range d.approvedPurchases {
		counts[purchase.customer]++
		if who == nil || counts[purchase.customer] > counts[who] {
			who = purchase.customer
		}
	}
	page, err := d.statements.ListLines(ctx, &statementv1.ListLinesRequest{Parent: who.card.GetAccount(), PageSize: linesShown})
	if err != nil {
		return err
	}
	statement := page.GetStatement()
	d.printf("  %s, card ending in %s\n", who.data.GetHolderName(), who.card.GetLast4())
	d.printf("  balance %s   available %s   complete to event %d\n\n",
		formatReais(statement.GetBalanceMinor()), formatReais(statement.GetAvailableMinor()), statement.GetCompleteToSequence())
	for _, line := range page.GetLines() {
		amount := line.GetAmountMinor()
		if line.GetDirection() == statementv1.LineDirection_LINE_DIRECTION_DEBIT {
			amount = -amount
		}
		d.printf("  %s  %s %s %14s %16s\n", line.GetOccurTime().AsTime().Format("2006-01-02 15:04:05"),
			pad(line.GetMerchantName(), 22), pad(line.GetMerchantCity(), 16), formatReais(amount), formatReais(line.GetBalanceAfterMinor()))
	}
	return nil
}
