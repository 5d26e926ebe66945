package synthetic

import (
	"iter"
	"slices"
	"strconv"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Presented says how a card is presented to the bank.
type Presented uint8

// The ways to present a card. All but OnFile and Typed are wrong.
const (
	// OnFile is the card's name at the bank, which the merchant stores.
	OnFile Presented = iota
	// Typed is the card's data, which its holder types.
	Typed
	// WrongCVV, WrongExpiry and WrongName are the card's data with one mistake.
	WrongCVV
	WrongExpiry
	WrongName
	// Unknown is Step.Number. No card has that number.
	Unknown
)

// Step is one request of the load. It is a reversal if Reverses is set, and otherwise a
// purchase.
type Step struct {
	// RequestID is unique among the requests of all loads.
	RequestID string
	// At is when the request is made, whole milliseconds, UTC.
	At time.Time
	// Card is the index of the card in Load.Cards; -1 with Unknown.
	Card int
	// Reverses is the request id of the purchase to be given back; empty for a purchase.
	Reverses string

	Presented   Presented
	Number      string
	Merchant    *bankv1.Merchant
	AmountMinor int64
	Currency    string
	Channel     bankv1.Channel
	Description string
	Attempt     int32

	// backAt is when the purchase is given back, and why; zero if it never is.
	backAt  time.Time
	backWhy string
}

// GivenBack reports whether a later step reverses this purchase.
func (s *Step) GivenBack() bool { return !s.backAt.IsZero() }

// Steps yields every request in the order of time. It makes one day after the other, so
// its memory does not grow with the number of days.
func (l *Load) Steps() iter.Seq[Step] {
	return func(yield func(Step) bool) {
		number := 0
		back := make(map[int][]Step) // reversals by day
		for at := range l.plan.Days {
			purchases := l.day(at)
			slices.SortStableFunc(purchases, inTime)
			for i := range purchases {
				step := &purchases[i]
				number++
				step.RequestID = l.name + "-" + strconv.Itoa(number)
				if step.GivenBack() {
					due := int(step.backAt.Sub(l.plan.Start) / day)
					back[due] = append(back[due], step.reversal())
				}
			}
			reversals := back[at]
			delete(back, at)
			slices.SortStableFunc(reversals, inTime)
			if !merged(purchases, reversals, yield) {
				return
			}
		}
	}
}

func inTime(a, b Step) int { return a.At.Compare(b.At) }

// reversal returns the step that gives a purchase back.
func (s *Step) reversal() Step {
	return Step{RequestID: s.RequestID + "-back", At: s.backAt, Card: s.Card, Reverses: s.RequestID, Description: s.backWhy}
}

// merged yields two ordered lists in one order. It returns false as soon as yield does.
func merged(purchases, reversals []Step, yield func(Step) bool) bool {
	for _, step := range purchases {
		for len(reversals) > 0 && reversals[0].At.Before(step.At) {
			if !yield(reversals[0]) {
				return false
			}
			reversals = reversals[1:]
		}
		if !yield(step) {
			return false
		}
	}
	for _, step := range reversals {
		if !yield(step) {
			return false
		}
	}
	return true
}

// day makes the purchases of one day. They have no order and no request ids yet.
func (l *Load) day(number int) []Step {
	d, date := newDraw(l.plan.Seed, aboutDay+number), l.plan.Start.AddDate(0, 0, number)
	count := l.until[number]
	if number > 0 {
		count -= l.until[number-1]
	}
	steps := make([]Step, 0, count+count/50+l.plan.Burst.Purchases)
	for len(steps) < count {
		l.visit(d, date, func(step Step) bool {
			if len(steps) == count {
				return false
			}
			steps = append(steps, step)
			return true
		})
	}
	if l.plan.Burst.From.Truncate(day).Equal(date) {
		steps = append(steps, l.burst(d)...)
	}
	return steps
}

// burst makes the purchases of somebody who tries card numbers one after the other. Most
// numbers belong to no card. Some belong to a card whose security code is not known, and
// a few are stolen with all the card's data.
func (l *Load) burst(d draw) []Step {
	plan := &l.plan.Burst
	steps := make([]Step, plan.Purchases)
	gap := plan.To.Sub(plan.From) / time.Duration(plan.Purchases)
	at := plan.From
	stolen := d.below(len(l.cards) / 2)
	for i := range steps {
		step := &steps[i]
		*step = Step{
			At: at.Add(time.Duration(d.below(int(gap/time.Millisecond))) * time.Millisecond).Truncate(time.Millisecond), Card: -1, Presented: Unknown,
			Merchant: burstMerchant, AmountMinor: int64(d.between(100, 490)), Currency: Real, Channel: online, Attempt: 1,
		}
		at = at.Add(gap)
		if !d.chance(350) {
			step.Number = guessed(d)
			continue
		}
		for stolen = (stolen + 1) % len(l.cards); l.cards[stolen].Brand != burstBrand || l.cards[stolen].came.After(plan.From); {
			stolen = (stolen + 1) % len(l.cards)
		}
		step.Card, step.Presented, step.Currency = stolen, WrongCVV, l.cards[stolen].Currency
		if d.chance(200) {
			step.Presented = Typed
		}
	}
	return steps
}

// guessed returns a number under the BIN of the burst, with the right check digit.
func guessed(d draw) string {
	const digits = 16
	number := []byte(burstBIN)
	for len(number) < digits-1 {
		number = append(number, byte('0'+d.below(10)))
	}
	return string(append(number, checkDigit(number)))
}

// checkDigit returns the last digit of a card number that begins with these digits
// (ISO/IEC 7812-1, annex B).
func checkDigit(number []byte) byte {
	sum := 0
	for i := range number {
		digit := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return byte('0' + (10-sum%10)%10)
}
