"""The pages' edge: requests in, stored facts read, view models made, templates rendered."""
