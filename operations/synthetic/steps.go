package synthetic

import (
	"iter"
	"slices"
	"strconv"
	"time"

	"codebank.dev/bank"
)

// Presented says how a card is shown to the bank.
type Presented uint8

// The ways; all but the first two are wrong.
const (
	// OnFile is the card's id: the merchant, or its terminal, has no more to show.
	OnFile Presented = iota
	// Typed is the card's data.
	Typed
	// WrongCVV, WrongExpiry and WrongName are its data but for that.
	WrongCVV
	WrongExpiry
	WrongName
	// Unknown is Step.Number, which no card has.
	Unknown
)

// Step is one request of the history: a purchase, or a reversal when Reverses is set.
type Step struct {
	// RequestID is a request id of the bank, unique in all histories.
	RequestID string
	// At is when the request was made, whole milliseconds, UTC.
	At time.Time
	// Card is the index of the card, or -1 with Unknown.
	Card int
	// Reverses is the request id of the purchase that is given back.
	Reverses string

	Presented   Presented
	Number      string
	Merchant    *bank.Merchant
	AmountMinor int64
	Channel     bank.Channel
	Description string
	Attempt     int32

	// backAt is when a purchase will be given back; zero is never.
	backAt time.Time
}

// Steps yields every request in the order of its time, a day at a time: however long
// the history is, no more than a day and what is given back later is kept. Those of a
// card never have the same RequestID, and their times never run backwards.
func (h *History) Steps() iter.Seq[Step] {
	return func(yield func(Step) bool) {
		number := 0
		back := make(map[int][]Step) // by day
		for at := range h.plan.Days {
			steps := append(h.day(at), back[at]...)
			delete(back, at)
			slices.SortStableFunc(steps, func(a, b Step) int { return a.At.Compare(b.At) })
			for i := range steps {
				step := &steps[i]
				if step.RequestID == "" {
					number++
					step.RequestID = h.name + "-" + strconv.Itoa(number)
				}
				if !step.backAt.IsZero() {
					due := int(step.backAt.Sub(h.plan.Start) / day)
					back[due] = append(back[due], Step{
						RequestID: step.RequestID + "-back", At: step.backAt, Card: step.Card, Reverses: step.RequestID,
						Description: "Devolução",
					})
				}
				if !yield(*step) {
					return
				}
			}
		}
	}
}

// day makes the purchases of one day, in no order and without request ids.
func (h *History) day(number int) []Step {
	d, date := newDraw(h.plan.Seed, aboutDay+number), h.plan.Start.AddDate(0, 0, number)
	count := h.until[number]
	if number > 0 {
		count -= h.until[number-1]
	}
	steps := make([]Step, 0, count+count/50+h.plan.Burst.Purchases)
	for len(steps) < count {
		h.visit(d, date, func(step Step) bool {
			if len(steps) == count {
				return false
			}
			steps = append(steps, step)
			return true
		})
	}
	if h.plan.Burst.From.Truncate(day).Equal(date) {
		steps = append(steps, h.burst(d)...)
	}
	return steps
}

// burst is somebody who tries numbers, one after the other: most belong to nobody, some
// to a card whose security code is not known, a few are stolen with all there is to them.
func (h *History) burst(d draw) []Step {
	plan := &h.plan.Burst
	steps := make([]Step, plan.Purchases)
	gap := plan.To.Sub(plan.From) / time.Duration(plan.Purchases)
	at := plan.From
	stolen := d.below(len(h.cards) / 2)
	for i := range steps {
		step := &steps[i]
		*step = Step{
			At: at.Add(time.Duration(d.below(int(gap/time.Millisecond))) * time.Millisecond).Truncate(time.Millisecond), Card: -1, Presented: Unknown,
			Merchant: &burstMerchant, AmountMinor: int64(d.between(100, 490)), Channel: bank.ChannelECommerce, Attempt: 1,
		}
		at = at.Add(gap)
		if !d.chance(350) {
			step.Number = guessed(d)
			continue
		}
		for stolen = (stolen + 1) % len(h.cards); h.cards[stolen].Brand != burstBrand || h.cards[stolen].came.After(plan.From); {
			stolen = (stolen + 1) % len(h.cards)
		}
		step.Card, step.Presented = stolen, WrongCVV
		if d.chance(200) {
			step.Presented = Typed
		}
	}
	return steps
}

// guessed returns a number with the right check digit under the BIN of the burst.
func guessed(d draw) string {
	const digits = 16
	number := []byte(burstBIN)
	for len(number) < digits-1 {
		number = append(number, byte('0'+d.below(10)))
	}
	return string(append(number, checkDigit(number)))
}

// checkDigit is the last digit of a number that begins so (ISO/IEC 7812-1, annex B).
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
