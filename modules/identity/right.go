package identity

import "github.com/usherhq/usher/modules/kernel/web"

// rightsOfRole is who may do what: the one table for people.
var rightsOfRole = map[Role][]web.Right{
	RoleOwner:    {web.Public, web.Self, web.Listen, web.Send, web.Manage, web.Scan, web.Staff, web.Admin, web.Owner},
	RoleAdmin:    {web.Public, web.Self, web.Listen, web.Send, web.Manage, web.Scan, web.Staff, web.Admin},
	RoleStaff:    {web.Public, web.Self, web.Listen, web.Send, web.Scan, web.Staff},
	RoleScanner:  {web.Public, web.Self, web.Scan},
	RoleCustomer: {web.Public, web.Self},
}

// rightsOfKey is the same for machines, by the right their key states.
var rightsOfKey = map[web.Right][]web.Right{
	web.Listen: {web.Public, web.Listen},
	web.Send:   {web.Public, web.Listen, web.Send},
	web.Manage: {web.Public, web.Listen, web.Send, web.Manage},
	web.Scan:   {web.Public, web.Scan},
}

// rightsOfToken are those of an attendee's app: its own person, and its installations.
var rightsOfToken = []web.Right{web.Public, web.Self, web.Listen}
