package catalogue

import "codebank.dev/dashboards/view"

// words are the words for the codes in the index. Kibana, the terminal and the pages
// read them from here. A code without words is shown as it is.
func words() view.Words {
	return view.Words{
		"status":         {"APPROVED": "Approved", "DECLINED": "Declined", "APPLIED": "Applied", "UNKNOWN": "Unknown"},
		"decline_reason": reasonWords(),
		"kind": {
			"OPENING": "Account opened", "LIMIT_CHANGE": "Limit changed", "PURCHASE": "Purchase", "REVERSAL": "Reversal", "DEPOSIT": "Deposit",
			"WITHDRAWAL": "Withdrawal", "TRANSFER": "Transfer", "HOLD": "Hold", "CAPTURE": "Capture", "VOID": "Void", "EXPIRY": "Hold expired",
			"PIX_OUT": "Pix sent", "PIX_IN": "Pix received", "PIX_RETURN": "Pix returned", "CLOSING": "Account closed", "UNKNOWN": "Unknown",
		},
		"direction": {"DEBIT": "Debit", "CREDIT": "Credit", "NONE": "No money moved", "UNKNOWN": "Unknown"},
		"card_brand": {
			"VISA": "Visa", "MASTERCARD": "Mastercard", "AMEX": "American Express", "ELO": "Elo", "HIPERCARD": "Hipercard", "DISCOVER": "Discover",
			"DINERS": "Diners Club", "JCB": "JCB", "UNKNOWN": "Unknown",
		},
		"channel": {
			"ECOMMERCE": "Online", "POINT_OF_SALE": "In the store", "RECURRING": "Recurring", "MAIL_OR_TELEPHONE": "Mail or telephone",
			"BRANCH": "Branch", "API": "API", "UNKNOWN": "Unknown",
		},
		"card_use":     {"FIRST": "New card", "LATER": "Returning card", "UNKNOWN": "Unknown"},
		"risk_rule":    {"NONE": "No rule", "CARD_TESTING": "Card testing", "VELOCITY": "Too fast", "UNKNOWN": "Unknown"},
		"relation":     {"GIVEN_BACK": "Given back", "CAPTURED": "Captured", "RELEASED": "Released", "UNKNOWN": "Unknown"},
		"account_kind": {"CARD": "Card account", "WALLET": "Wallet", "UNKNOWN": "Unknown"},
		"principal_kind": {
			"USER": "Customer", "SERVICE": "Program", "MERCHANT": "Store", "OPERATOR": "Operator", "NOBODY": "The bank itself", "UNKNOWN": "Unknown",
		},
		"mode":                   {"LIVE": "Live", "TEST": "Test", "UNKNOWN": "Unknown"},
		"merchant_category_code": categoryWords(),
		"merchant_country":       countryWords(),
	}
}

func reasonWords() map[string]string {
	return map[string]string{
		"INSUFFICIENT_FUNDS": "Insufficient funds", "OVER_PURCHASE_LIMIT": "Over purchase limit", "TOO_FREQUENT": "Too many payments",
		"LOCKED": "Card locked", "UNKNOWN_CARD": "Unknown card", "NAME_MISMATCH": "Wrong name", "EXPIRY_MISMATCH": "Wrong expiry date",
		"CVV_MISMATCH": "Wrong CVV", "EXPIRED": "Card expired", "BLOCKED": "Card blocked", "AMOUNT_BELOW_MINIMUM": "Below the minimum",
		"ACCOUNT_CLOSED": "Account closed", "UNKNOWN": "Unknown reason",
	}
}

// categoryWords are short names of merchant categories (ISO 18245) that a payer meets often.
func categoryWords() map[string]string {
	return map[string]string{
		"4111": "Public transport", "4121": "Taxis and rides", "4131": "Buses", "4214": "Delivery", "4411": "Cruises", "4511": "Airlines", "4722": "Travel agencies",
		"4784": "Tolls", "4812": "Telephones", "4814": "Telephone services", "4816": "Internet services", "4829": "Money transfer", "4899": "Streaming and TV",
		"4900": "Utilities", "5045": "Computers", "5200": "Home improvement", "5211": "Building materials", "5251": "Hardware stores", "5300": "Wholesale clubs",
		"5309": "Duty free", "5310": "Discount stores", "5311": "Department stores", "5331": "Variety stores", "5399": "General stores", "5411": "Supermarkets",
		"5422": "Butchers", "5441": "Sweets", "5451": "Dairies", "5462": "Bakeries", "5499": "Food stores", "5511": "Car dealers", "5533": "Car parts",
		"5541": "Fuel", "5542": "Fuel pumps", "5611": "Men's clothes", "5621": "Women's clothes", "5641": "Children's clothes", "5651": "Clothes",
		"5655": "Sportswear", "5661": "Shoes", "5691": "Clothes stores", "5699": "Accessories", "5712": "Furniture", "5722": "Appliances", "5732": "Electronics",
		"5733": "Music stores", "5734": "Software", "5735": "Records", "5811": "Caterers", "5812": "Restaurants", "5813": "Bars", "5814": "Fast food",
		"5815": "Digital media", "5816": "Digital games", "5817": "Applications", "5818": "Digital goods", "5912": "Pharmacies", "5921": "Drinks",
		"5932": "Antiques", "5940": "Bicycles", "5941": "Sports goods", "5942": "Books", "5943": "Stationery", "5944": "Jewellery", "5945": "Toys",
		"5947": "Gifts", "5964": "Catalogue sales", "5968": "Subscriptions", "5969": "Direct sales", "5977": "Cosmetics", "5992": "Florists", "5995": "Pet stores",
		"5999": "Other stores", "6010": "Cash at a counter", "6011": "Cash machines", "6012": "Financial services", "6051": "Digital money", "6300": "Insurance",
		"7011": "Hotels", "7210": "Laundry", "7230": "Hairdressers", "7298": "Health and spas", "7311": "Advertising", "7372": "Computer services",
		"7399": "Business services", "7512": "Car rental", "7523": "Parking", "7538": "Car repair", "7832": "Cinemas", "7841": "Film rental", "7922": "Theatre",
		"7995": "Betting", "7997": "Clubs and gyms", "7999": "Leisure", "8011": "Doctors", "8021": "Dentists", "8062": "Hospitals", "8071": "Laboratories",
		"8099": "Health services", "8211": "Schools", "8220": "Universities", "8299": "Courses", "8398": "Charities", "8999": "Professionals", "9311": "Taxes",
		"9399": "Public services", "9402": "Post",
	}
}

func countryWords() map[string]string {
	return map[string]string{
		"AR": "Argentina", "AU": "Australia", "AT": "Austria", "BE": "Belgium", "BO": "Bolivia", "BR": "Brazil", "CA": "Canada", "CH": "Switzerland", "CL": "Chile",
		"CN": "China", "CO": "Colombia", "CZ": "Czechia", "DE": "Germany", "DK": "Denmark", "EC": "Ecuador", "ES": "Spain", "FI": "Finland", "FR": "France",
		"GB": "United Kingdom", "GR": "Greece", "HK": "Hong Kong", "IE": "Ireland", "IL": "Israel", "IN": "India", "IT": "Italy", "JP": "Japan",
		"KR": "South Korea", "LU": "Luxembourg", "MX": "Mexico", "NL": "Netherlands", "NO": "Norway", "NZ": "New Zealand", "PE": "Peru", "PL": "Poland",
		"PT": "Portugal", "PY": "Paraguay", "SE": "Sweden", "SG": "Singapore", "TR": "Turkey", "US": "United States", "UY": "Uruguay", "VE": "Venezuela",
		"ZA": "South Africa",
	}
}

// labels name fields as headings of columns and in Kibana's lists of fields.
func labels() map[string]string {
	return map[string]string{
		"occurred_at": "Time", "event_id": "Event", "transaction_id": "Transaction", "original_transaction_id": "Refers to", "account_id": "Account",
		"customer_id": "Customer", "bank_code": "Bank", "sequence": "Place in the account", "kind": "Kind", "direction": "Direction", "status": "Status",
		"decline_code": "Decline code", "decline_reason": "Reason", "amount_minor": "Amount", "currency": "Currency", "balance_after_minor": "Balance after",
		"held_after_minor": "Held after", "available_after_minor": "Available after", "credit_limit_minor": "Credit limit", "card_id": "Card",
		"card_brand": "Brand", "card_last4": "Last four", "card_bin": "BIN", "merchant_id": "Store id", "merchant_name": "Store",
		"merchant_category_code": "Category", "merchant_city": "City", "merchant_country": "Country", "channel": "Channel", "description": "Description",
		"counterparty_name": "Counterparty", "end_to_end_id": "End-to-end id", "attempt": "Try", "decision_micros": "Decision time", "trace_id": "Trace",
		"producer_version": "Bank version", "card_use": "Card use", "risk_score": "Risk score", "risk_rule": "Risk rule", "leg": "Leg",
		"relation": "Counts as", "account_kind": "Kind of account", "counterparty_account_id": "Other account", "counterparty_bank_code": "Other bank",
		"hold_id": "Hold", "hold_expires_at": "Hold expires", "principal_kind": "On behalf of", "merchant_reference": "Store's reference", "mode": "Live or test",
		"hour":    "Hour (UTC)",
		"weekday": "Weekday (UTC)", "kafka_topic": "Topic", "kafka_partition": "Partition", "kafka_offset": "Offset", "pipeline_millis": "Lag",
	}
}

// colours are the colours of values. A value has the same colour in every panel, in
// Kibana and on our pages.
func colours() map[string]map[string]view.Colour {
	return map[string]map[string]view.Colour{
		"status": {"APPROVED": view.Good, "DECLINED": view.Bad, "APPLIED": view.First, "UNKNOWN": view.Quiet},
		"card_brand": {
			"VISA": view.First, "MASTERCARD": view.Second, "ELO": view.Third, "AMEX": view.Fourth, "HIPERCARD": view.Fifth, "DINERS": view.Sixth,
			"DISCOVER": view.Seventh, "JCB": view.Eighth, "UNKNOWN": view.Quiet,
		},
		"kind": {
			"PURCHASE": view.First, "REVERSAL": view.Second, "VOID": view.Third, "HOLD": view.Fourth, "CAPTURE": view.Fifth, "TRANSFER": view.Sixth,
			"PIX_OUT": view.Seventh, "PIX_IN": view.Eighth, "UNKNOWN": view.Quiet,
		},
		"decline_reason": {
			"INSUFFICIENT_FUNDS": view.First, "CVV_MISMATCH": view.Second, "TOO_FREQUENT": view.Third, "OVER_PURCHASE_LIMIT": view.Fourth,
			"UNKNOWN_CARD": view.Fifth, "LOCKED": view.Sixth, "EXPIRED": view.Seventh, "BLOCKED": view.Eighth, "UNKNOWN": view.Quiet,
		},
	}
}

// amounts are the fields that hold minor units.
func amounts() []string {
	return []string{"amount_minor", "balance_after_minor", "held_after_minor", "available_after_minor", "credit_limit_minor"}
}
