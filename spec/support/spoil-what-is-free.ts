/** For all specs: what is looked at after it was given back shows, and not only where the memory happens to be used again. */
import { spoilWhatIsFree } from '../../lib/values/free-memory.ts'

spoilWhatIsFree()
