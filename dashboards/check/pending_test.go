package check_test

import "codebank.dev/dashboards/view"

// pendingTemplates are mappings of sources whose index template is not there yet.
var pendingTemplates = map[view.Source]string{
	view.Watermarks: `{"properties":{"bank_code":{"type":"keyword"},"partition":{"type":"integer"},"offset":{"type":"long"},` +
		`"complete_to":{"type":"date"},"published_at":{"type":"date"}}}`,
}
