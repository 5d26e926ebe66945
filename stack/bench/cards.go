package bench

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"google.golang.org/protobuf/proto"
)

const (
	// issuers is how many cards are being issued at a time.
	issuers = 256
	// unlimitedCredit is a credit limit in minor units that no run reaches.
	unlimitedCredit = 999_999_999_999
)

// issueCards issues cards at a bank. They have no rule that could decline a purchase.
func issueCards(ctx context.Context, dial dialer, n int) ([]card, error) {
	connection, err := dial(launch.Operator)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	service := bankv1.NewCardServiceClient(connection)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cards := make([]card, n)
	var working sync.WaitGroup
	var next atomic.Int64
	for range issuers {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				issued, err := service.IssueCard(ctx, &bankv1.IssueCardRequest{
					RequestId: "card-" + strconv.Itoa(i), HolderName: "BENCH " + strconv.Itoa(i),
					Currency: "BRL", CreditLimitMinor: unlimitedCredit,
				})
				if err != nil {
					cancel(err)
					return
				}
				data, err := proto.Marshal(issued.GetCardData())
				if err != nil {
					cancel(err)
					return
				}
				cards[i] = card{issued.GetCard().GetName(), issued.GetCard().GetAccount(), data}
			}
		})
	}
	working.Wait()
	return cards, context.Cause(ctx)
}
