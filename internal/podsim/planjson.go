package podsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// ParsePlan reads a plan: a JSON array of steps, or one step. Unknown keys are errors.
func ParsePlan(text []byte) ([]Step, error) {
	if text = bytes.TrimSpace(text); len(text) > 0 && text[0] != '[' {
		text = append(append([]byte{'['}, text...), ']')
	}
	var raw []stepText
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("read the plan: something follows after it, at byte %d", d.InputOffset())
	}
	steps := make([]Step, len(raw))
	for i, r := range raw {
		s, err := r.step()
		if err != nil {
			return nil, fmt.Errorf("step %d of the plan: %w", i+1, err)
		}
		steps[i] = s
	}
	return steps, nil
}

// step turns the JSON form into a Step and checks it.
func (t stepText) step() (Step, error) {
	s := Step(t.stepJSON)
	var err error
	if s.After, err = duration("after", t.After); err != nil {
		return Step{}, err
	}
	if s.PongDelay, err = duration("pong_delay", t.PongDelay); err != nil {
		return Step{}, err
	}
	return s, s.Validate()
}

// duration reads text such as `10s`; none is 0.
func duration(key, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return d, nil
}
