package demo

import (
	"context"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
)

// linesShown is how much of a statement is printed.
const linesShown = 12

// printStatement prints the newest lines of the customer who bought most.
func (t *town) printStatement(ctx context.Context) error {
	counts := map[*person]int{}
	var who *person
	for _, bought := range t.bought {
		counts[bought.person]++
		if who == nil || counts[bought.person] > counts[who] {
			who = bought.person
		}
	}
	page, err := t.statements.ListLines(ctx, &statementv1.ListLinesRequest{Parent: who.card.GetAccount(), PageSize: linesShown})
	if err != nil {
		return err
	}
	statement := page.GetStatement()
	t.printf("  %s, card ending in %s\n", who.data.GetHolderName(), who.card.GetLast4())
	t.printf("  balance %s   available %s   complete to event %d\n\n",
		reais(statement.GetBalanceMinor()), reais(statement.GetAvailableMinor()), statement.GetCompleteToSequence())
	for _, line := range page.GetLines() {
		amount := line.GetAmountMinor()
		if line.GetDirection() == statementv1.LineDirection_LINE_DIRECTION_DEBIT {
			amount = -amount
		}
		t.printf("  %s  %s %s %14s %16s\n", line.GetOccurTime().AsTime().Format("2006-01-02 15:04:05"),
			left(line.GetMerchantName(), 22), left(line.GetMerchantCity(), 16), reais(amount), reais(line.GetBalanceAfterMinor()))
	}
	return nil
}
