package proofpointpodreceiver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"
)

// siemForwardField is the key of `fields` that is a switch, not an attribute.
const siemForwardField = "_siemForward"

// fieldAttribute is one of Config.Fields as a resource attribute.
type fieldAttribute struct {
	Key, Value string
}

// fieldAttributes are Fields as text, sorted by key, without `_siemForward`. Call it after Validate only.
func (cfg *Config) fieldAttributes() []fieldAttribute {
	attributes := make([]fieldAttribute, 0, len(cfg.Fields))
	for _, key := range slices.Sorted(maps.Keys(cfg.Fields)) {
		if key == siemForwardField {
			continue
		}
		// Validate has refused what has no text.
		text, _ := fieldText(cfg.Fields[key])
		attributes = append(attributes, fieldAttribute{Key: key, Value: text})
	}
	return attributes
}

// forwardToSIEM says whether the `_siem*` attributes are set. Call it after Validate only.
func (cfg *Config) forwardToSIEM() bool {
	if cfg.ForwardToSIEM != nil {
		return *cfg.ForwardToSIEM
	}
	if value, ok := cfg.Fields[siemForwardField]; ok {
		// Validate has refused what is neither true nor false.
		forward, _ := fieldBool(value)
		return forward
	}
	return true
}

func (cfg *Config) validateFields() error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(cfg.Fields)) {
		switch key {
		case "":
			errs = append(errs, errors.New("fields: a key is empty; give the field a name"))
		case siemForwardField:
			errs = append(errs, cfg.validateSIEMForward())
		case "_source", "_sourceName":
			errs = append(errs, fmt.Errorf("fields.%s: set by the receiver; write it as name", key))
		case "_sourceCategory":
			errs = append(errs, fmt.Errorf("fields.%s: set by the receiver; write it as category", key))
		default:
			if _, err := fieldText(cfg.Fields[key]); err != nil {
				errs = append(errs, fmt.Errorf("fields.%s: %w", key, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateSIEMForward() error {
	forward, ok := fieldBool(cfg.Fields[siemForwardField])
	switch {
	case !ok:
		return fmt.Errorf("fields.%s: must be true or false", siemForwardField)
	case cfg.ForwardToSIEM != nil && *cfg.ForwardToSIEM != forward:
		return fmt.Errorf("forward_to_siem: %t contradicts fields.%s: %t; write it in one place, or the same in both",
			*cfg.ForwardToSIEM, siemForwardField, forward)
	}
	return nil
}

// restoreFieldTexts gives the fields that come from a variable or a file the text they have there, as the keys that
// hold text get it. Fields are of any type, so confmap hands on what YAML makes of that text: of the account number
// 012345678901, a float.
func (cfg *Config) restoreFieldTexts(conf *confmap.Conf) error {
	if len(cfg.Fields) == 0 {
		return nil
	}
	fields, err := conf.Sub("fields")
	if err != nil {
		return err
	}
	for key, value := range xconfmap.ToStringMapRaw(fields) {
		expanded, ok := value.(xconfmap.ExpandedValue)
		if !ok {
			continue
		}
		switch expanded.Value.(type) {
		case nil, map[string]any, []any:
			// Validate says what is wrong with these.
		default:
			cfg.Fields[key] = expanded.Original
		}
	}
	return nil
}

// fieldText is the text of a value of `fields`: of a string, a boolean or a number, the types YAML and JSON have. White
// space around it goes: it is the line break at the end of a file, and an attribute that ends with one equals nothing.
func fieldText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int, int64, uint64:
		return fmt.Sprint(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return "", errors.New("YAML takes this for a date; put it in quotes")
	case nil:
		return "", errors.New(`has no value; write "" for an empty text (where it is written as ${env:…}, that variable is not set)`)
	default:
		return "", errors.New("must be a string, a number or a boolean")
	}
}

// fieldBool is value as a boolean, which may also be written as text, in any case.
func fieldBool(value any) (result, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		text := strings.TrimSpace(v)
		return strings.EqualFold(text, "true"), strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
	default:
		return false, false
	}
}
