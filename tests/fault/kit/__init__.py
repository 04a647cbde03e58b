"""What fault tests are made of: a deployment of real processes, points to stop them at, a proxy, a checker."""
