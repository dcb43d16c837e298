package hub

import "context"

// ExportPerson adds what the hub keeps of a person: the installations whose user
// they are, what was sent to each, and what was opened there. Part of identity.Keeper.
func (s *Service) ExportPerson(ctx context.Context, person string, add func(section string, v any) error) error {
	list, err := s.installationsOfUser(ctx, person)
	if err != nil {
		return err
	}
	for _, in := range list {
		if err := add("installation", in); err != nil {
			return err
		}
		received, err := s.receivedBy(ctx, in)
		if err != nil {
			return err
		}
		for _, r := range received {
			if err := add(r.section(), r); err != nil {
				return err
			}
		}
	}
	return nil
}

// ErasePerson removes a person's installations and their opens and clicks. What was
// sent stays in the reports as numbers: a delivery names its installation by a
// number that then means nothing. Safe to repeat. Part of identity.Keeper.
func (s *Service) ErasePerson(ctx context.Context, person string) error {
	return s.deleteInstallationsOfUser(ctx, person)
}
